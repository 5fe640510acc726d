from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from made import expected_scores, make_bundle, make_nano

import coffea_fm
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, InputWarning, RecipeError
from coffea_fm.running.evaluate import evaluate
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import PFNanoAODSchema


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "counting", tmp_path.name)


def tag(files, bundle, chunksize=100_000, **options):
    processor = load_processor("tag_jets", {"bundle": str(bundle), **options})
    fileset = read_fileset([str(file) for file in files])
    return execute(processor, fileset, PFNanoAODSchema, make_executor(), chunksize=chunksize, quiet=True).output


def test_histograms_and_cutflow_are_those_of_the_selected_jets(tmp_path, bundle):
    written = ak.flatten(make_nano(tmp_path / "sim.root", 300))
    jets = written[(written.pt > 400) & (abs(written.eta) < 2)]
    counts, label = ak.to_numpy(jets.nConstituents), ak.to_numpy(jets.label)
    scores = expected_scores(counts)
    output = tag([tmp_path / "sim.root"], bundle, chunksize=80, min_pt=400, max_eta=2)
    assert output["cutflow"]["sim"] == {
        "events": 300,
        "all_jets": len(written),
        "jets": len(jets),
        "without_constituents": int(np.sum(counts == 0)),
        "not_finite": 0,
        "out_of_range": 0,
    }
    predicted = np.where(counts == 0, "none", np.array(JET_CLASSES)[np.nan_to_num(scores).argmax(axis=1)])
    for name, values in (("pt", jets.pt), ("msoftdrop", jets.msoftdrop)):
        filled = output[name]
        for truth, cls in ((1, "Hbb"), (4, "none")):
            chosen = (label == truth) & (predicted == cls)
            assert filled["sim", JET_CLASSES[truth], cls, :].sum(flow=True).value == np.sum(chosen)
        expected, _ = np.histogram(values, filled.axes["value"].edges)
        assert filled.project("value").values() == pytest.approx(expected)
    ratio = scores[:, 1] / (scores[:, 0] + scores[:, 1])
    expected, _ = np.histogram(ratio[label == 2], np.linspace(0, 1, 201))
    assert output["discriminant"]["Hbb_vs_QCD"]["sim", "Hcc", :].values() == pytest.approx(expected, abs=1)
    scored = np.sum(counts > 0)
    assert all(histogram.sum().value == scored for histogram in output["discriminant"].values())
    assert output["tagged_msoftdrop"] == {}
    assert output["pt"]["sim", "unmatched", sum, :].sum(flow=True).value == np.sum(label == -1)
    assert output["bundle"] == {coffea_fm.load(bundle).checksum}


def test_masses_after_a_tag_are_those_of_the_jets_beyond_the_cut(tmp_path, bundle):
    written = ak.flatten(make_nano(tmp_path / "sim.root", 2500))
    points = {point.name: point for point in evaluate(bundle, tmp_path / "sim.root", record=True).working_points}
    filled = tag([tmp_path / "sim.root"], bundle, level="loose")["tagged_msoftdrop"]
    assert {name for name in points if name.endswith("_loose")} == set(filled)
    jets = written[(written.pt > 200) & (abs(written.eta) < 2.4) & (written.nConstituents > 0)]
    scores = expected_scores(ak.to_numpy(jets.nConstituents))
    passed = scores[:, 1] / (scores[:, 0] + scores[:, 1]) >= points["Hbb_loose"].cut - 1e-6
    assert filled["Hbb_loose"].sum(flow=True).value == np.sum(passed)


def test_chunks_and_files_add_up(tmp_path, bundle):
    for number in range(2):
        make_nano(tmp_path / f"f{number}.root", 100, number)
    files = [tmp_path / "f0.root", tmp_path / "f1.root"]
    whole, parts = tag(files, bundle), tag(files, bundle, chunksize=30)
    assert whole["cutflow"] == parts["cutflow"]
    for name in ("pt", "msoftdrop"):
        assert whole[name].project("dataset", "value").values().sum() == parts[name].values().sum()


def test_data_without_labels_is_of_unknown_class(tmp_path, bundle):
    make_nano(tmp_path / "data.root", 50, labelled=False)
    output = tag([tmp_path / "data.root"], bundle)
    assert output["pt"][:, "unknown", :, :].sum(flow=True).value == output["cutflow"]["data"]["jets"] > 0


def test_a_chunk_without_a_selected_jet(tmp_path, bundle):
    make_nano(tmp_path / "sim.root", 20)
    output = tag([tmp_path / "sim.root"], bundle, min_pt=1e6)
    assert output["cutflow"]["sim"]["jets"] == 0
    assert output["pt"].sum(flow=True).value == 0


def test_it_runs_on_real_jets(shared_data, bundle):
    file = shared_data / "real" / "pfnano.root"
    output = tag([file], bundle, max_eta=5)
    jets = ak.flatten(NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema).events().FatJet)
    jets = jets[jets.pt > 200]
    scores = expected_scores(np.minimum(ak.to_numpy(ak.num(jets.constituents)), 128))
    ratio = scores[:, -1] / (scores[:, -1] + scores[:, 0])
    expected, _ = np.histogram(np.minimum(ratio, 1 - 1e-6), np.linspace(0, 1, 201))
    assert output["discriminant"]["Tbl_vs_QCD"].project("value").values() == pytest.approx(expected)


def test_several_background_classes_are_added(tmp_path, bundle):
    counts = ak.to_numpy(ak.flatten(make_nano(tmp_path / "sim.root", 100)).nConstituents)
    output = tag([tmp_path / "sim.root"], bundle, min_pt=0, max_eta=10, background=["QCD", "Hcc"])
    assert "Hcc_vs_QCD + Hcc" not in output["discriminant"]
    scores = expected_scores(counts[counts > 0])
    ratio = scores[:, 1] / (scores[:, 0] + scores[:, 1] + scores[:, JET_CLASSES.index("Hcc")])
    expected, _ = np.histogram(ratio, np.linspace(0, 1, 201))
    filled = output["discriminant"]["Hbb_vs_QCD + Hcc"]
    assert filled.project("value").values() == pytest.approx(expected, abs=1)


def test_a_background_that_is_no_class_is_refused_before_the_run(bundle):
    with pytest.raises(InputError, match="has no class 'light' as background: choose one or several of QCD, Hbb"):
        load_processor("tag_jets", {"bundle": str(bundle), "background": "light"})


def test_a_level_without_working_points_is_refused_or_pointed_out(tmp_path, bundle):
    make_nano(tmp_path / "sim.root", 2500)
    evaluate(bundle, tmp_path / "sim.root", record=True)
    levels = {point.name.rpartition("_")[2] for point in coffea_fm.load(bundle).calibration.working_points}
    with pytest.raises(InputError, match="no level 'mediumm' of working points: did you mean 'medium'"):
        load_processor("tag_jets", {"bundle": str(bundle), "level": "mediumm"})
    (missing, *_) = {"loose", "medium", "tight"} - levels
    with pytest.warns(
        InputWarning, match=f"no working points of the level '{missing}', so nothing after a tag is filled"
    ):
        load_processor("tag_jets", {"bundle": str(bundle), "level": missing})


def test_a_number_that_is_text_is_refused(bundle):
    with pytest.raises(RecipeError, match=r"option 'min_pt' must be a number, such as 200\.0, not 'abc'"):
        load_processor("tag_jets", {"bundle": str(bundle), "min_pt": "abc"})
