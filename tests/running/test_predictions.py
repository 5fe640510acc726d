from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from made import expected_scores, make_bundle, make_nano

import coffea_fm
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.predictions import Predict, class_columns, predict_shards
from coffea_fm.running.sources import read_fileset
from coffea_fm.running.truth import Truth
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens.pack import pack

TRUTH = Truth.of("label", "", JET_CLASSES)


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "counting", tmp_path.name)


def test_files_give_the_scores_and_labels_of_all_labelled_jets(tmp_path, bundle):
    written = ak.flatten(make_nano(tmp_path / "a.root", 200))
    jets = written[written.label >= 0]
    processor = Predict({"counting": coffea_fm.load(bundle)}, TRUTH)
    fileset = read_fileset([str(tmp_path / "a.root")])
    output = execute(processor, fileset, PFNanoAODSchema, make_executor(), chunksize=70, quiet=True).output
    assert output["scores"]["counting"].value == pytest.approx(
        expected_scores(ak.to_numpy(jets.nConstituents)), nan_ok=True
    )
    assert output["target"].value.tolist() == jets.label.tolist()
    assert output["embedding"]["counting"].value[:, 0] == pytest.approx(
        _or_nan(ak.to_numpy(jets.nConstituents)), nan_ok=True
    )
    assert output["embedded"].value.all()
    assert {name: part.value.tolist() for name, part in output["variables"].items()} == {
        name: jets[name].tolist() for name in ("pt", "eta", "msoftdrop")
    }
    assert output["left_out"] == {"with no true class in 'label'": len(written) - len(jets)}


def test_a_wrong_collection_is_refused_with_the_nearest(tmp_path, bundle):
    make_nano(tmp_path / "a.root", 20)
    processor = Predict({"counting": coffea_fm.load(bundle)}, TRUTH, "FatJets")
    with pytest.raises(InputError, match="no collection 'FatJets': did you mean 'FatJet'"):
        execute(processor, read_fileset([str(tmp_path / "a.root")]), PFNanoAODSchema, make_executor(), quiet=True)


def test_files_without_labels_are_refused(tmp_path, bundle):
    make_nano(tmp_path / "data.root", labelled=False)
    processor = Predict({"counting": coffea_fm.load(bundle)}, TRUTH)
    with pytest.raises(InputError, match="no true class"):
        execute(processor, read_fileset([str(tmp_path / "data.root")]), PFNanoAODSchema, make_executor(), quiet=True)


def test_shards_give_the_same_under_their_own_order_of_classes(tmp_path, bundle):
    written = ak.flatten(make_nano(tmp_path / "a.root", 100))
    with_label = ak.to_numpy(written.label) >= 0
    file = {str(tmp_path / "a.root"): "Events"}
    events = NanoEventsFactory.from_root(file, schemaclass=PFNanoAODSchema, mode="virtual").events()
    tagger = coffea_fm.load(bundle)
    packed, _ = pack(ak.flatten(events.FatJet)[with_label], tagger.manifest.level)
    backwards = JET_CLASSES[::-1]
    target = np.array([backwards.index(JET_CLASSES[label]) for label in written.label[with_label]], np.int32)
    columns = {"target": target, "weight": np.ones(len(target), np.float32)}
    write_shard(
        tmp_path / "shards" / "a.parquet",
        packed,
        tagger.manifest.level,
        columns=columns,
        classes=backwards,
        source=_source(),
    )
    output = predict_shards({"counting": tagger}, tmp_path / "shards")
    counts = ak.to_numpy(written.nConstituents[with_label])
    assert output["scores"]["counting"] == pytest.approx(expected_scores(counts), nan_ok=True)
    assert output["embedding"]["counting"][:, 0] == pytest.approx(_or_nan(counts), nan_ok=True)
    assert output["target"].tolist() == written.label[with_label].tolist()


def _or_nan(counts):
    """The embedding: the number of constituents, and NaN without any."""
    return np.where(counts == 0, np.nan, counts)


def _source():
    from coffea_fm.shards.metadata import Source

    return Source(dataset="a", file="a.root", start=0, stop=100)


def test_a_class_that_the_bundle_does_not_know_is_refused():
    assert class_columns(["b", "a"], ["a", "b"]).tolist() == [1, 0]
    with pytest.raises(InputError, match="no score for the class 'c'"):
        class_columns(["a", "c"], ["a", "b"])
