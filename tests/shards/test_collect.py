from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_typetracer
from made import make_bundle, make_nano

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset

CHUNK = {"dataset": "mine", "filename": "f.root", "fileuuid": "abc", "entrystart": 0, "entrystop": 50}
CLASSES = tuple("abcdefghij")


def events_like(**change: object) -> SimpleNamespace:
    return SimpleNamespace(metadata=CHUNK | change)


@pytest.fixture
def events(tmp_path: Path) -> ak.Array:
    make_nano(tmp_path / "nano.root", 50)
    return NanoEventsFactory.from_root(
        {str(tmp_path / "nano.root"): "Events"}, schemaclass=PFNanoAODSchema, metadata=dict(CHUNK)
    ).events()


def read(folder: Path) -> tuple[ShardDataset, dict[str, np.ndarray], np.ndarray]:
    data = ShardDataset(folder)
    packed, columns = data.read(data.row_groups)
    return data, columns, packed.members["constituents"].counts


def test_the_selection_of_the_analysis_is_what_is_written(events: ak.Array, tmp_path: Path) -> None:
    jets = events.FatJet[(events.FatJet.pt > 400) & (abs(events.FatJet.eta) < 2)]
    collect = coffea_fm.collector(tmp_path / "shards", CLASSES)
    counts = collect(jets, "label", events=events, columns=("msoftdrop",))
    flat = ak.flatten(jets)
    without_class, empty = flat.label < 0, ak.num(flat.constituents) == 0
    assert counts == {
        "jets": len(flat),
        "without_class": ak.sum(without_class),
        "without_constituents": ak.sum(~without_class & empty),
        "not_finite": 0,
        "written": ak.sum(~without_class & ~empty),
        "negative_weight": 0,
    }
    kept = flat[~without_class & ~empty]
    data, columns, lengths = read(tmp_path / "shards")
    assert data.classes == CLASSES
    for name, expected in (("target", kept.label), ("pt_raw", kept.uncorrected.pt), ("msoftdrop", kept.msoftdrop)):
        np.testing.assert_array_equal(columns[name], ak.to_numpy(expected))
    np.testing.assert_array_equal(lengths, ak.num(kept.constituents))


def test_arrays_of_jets_and_of_events(events: ak.Array, tmp_path: Path) -> None:
    jets = events.FatJet[events.FatJet.pt > 300]
    has = ak.num(jets.constituents, axis=-1) > 0
    coffea_fm.collector(tmp_path / "shards", ("soft", "hard"))(
        jets,
        ak.values_astype(jets.pt > 800, int),
        events=events,
        weight=ak.Array(np.arange(len(events)) + 1.0),
        columns={"double": 2 * jets.pt, "number": ak.num(jets)},
    )
    _, columns, _ = read(tmp_path / "shards")
    pt = ak.to_numpy(ak.flatten(jets.pt[has]))
    np.testing.assert_array_equal(columns["target"], pt > 800)
    np.testing.assert_allclose(columns["double"], 2 * pt)
    event = ak.to_numpy(ak.flatten(ak.broadcast_arrays(np.arange(len(events)), jets.pt)[0][has]))
    np.testing.assert_allclose(columns["weight"], event + 1)
    np.testing.assert_array_equal(columns["number"], ak.to_numpy(ak.num(jets))[event])


@pytest.mark.parametrize("layout", [ak.firsts, ak.flatten, lambda jets: ak.mask(jets, jets.pt > 700)])
def test_any_layout(events: ak.Array, tmp_path: Path, layout: Callable[[ak.Array], ak.Array]) -> None:
    jets = layout(events.FatJet)
    coffea_fm.collector(tmp_path / "shards", CLASSES)(jets, "label", events=events)
    flat = ak.drop_none(ak.flatten(jets) if jets.ndim > 1 else jets)
    kept = flat[(flat.label >= 0) & (ak.num(flat.constituents, axis=1) > 0)]
    np.testing.assert_array_equal(read(tmp_path / "shards")[1]["pt_raw"], ak.to_numpy(kept.pt))


def test_jets_that_are_none_or_not_finite_are_counted(events: ak.Array, tmp_path: Path) -> None:
    flat = ak.flatten(events.FatJet)
    jets = flat[(flat.label >= 0) & (ak.num(flat.constituents) > 0)][:10]
    target = ak.Array([0, None, 2, float("nan"), -1, *range(5)])
    weight = np.ones(10)
    weight[7], weight[8] = np.inf, -2.0
    counts = coffea_fm.collector(tmp_path / "shards", CLASSES)(jets, target, weight=weight, events=events_like())
    assert counts == {
        "jets": 10,
        "without_class": 3,
        "without_constituents": 0,
        "not_finite": 1,
        "written": 6,
        "negative_weight": 1,
    }
    assert read(tmp_path / "shards")[1]["target"].tolist() == [0, 2, 0, 1, 3, 4]


def test_a_chunk_again_replaces_its_shard_and_another_adds_one(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.collector(tmp_path / "shards", CLASSES)
    first = collect(events.FatJet, "label", events=events_like())
    assert collect(events.FatJet, "label", events=events_like()) == first
    assert ShardDataset(tmp_path / "shards").n_sets == first["written"]
    second = collect(events.FatJet[:10], "label", events=events_like(entrystart=50, entrystop=60))
    assert ShardDataset(tmp_path / "shards").n_sets == first["written"] + second["written"]
    collect(events.FatJet[:0], "label", events=events_like(entrystart=50, entrystop=60))
    assert ShardDataset(tmp_path / "shards").n_sets == first["written"]


def test_targets_that_are_no_classes(events: ak.Array, tmp_path: Path) -> None:
    coffea_fm.collector(tmp_path / "shards")(events.FatJet, events=events, columns=["mass"][:0])
    data, columns, _ = read(tmp_path / "shards")
    assert data.classes == ("all",)
    assert not columns["target"].any()


def test_truth_of_constituents_is_kept_and_is_no_input(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.collector(tmp_path / "shards", fields=("pt", "eta"), jet=("pt_raw",), truth=("puppiWeight2",))
    jets = ak.flatten(events.FatJet)
    tokens = ak.with_field(jets.constituents, jets.constituents.pt * 3, "puppiWeight2")
    collect(ak.with_field(jets, tokens, "constituents"), events=events)
    data, _, _ = read(tmp_path / "shards")
    assert data.level.members[0].names == ("pt", "eta", "puppiWeight2")
    values = data.read(data.row_groups)[0].at(("constituents",)).values
    np.testing.assert_allclose(values[:, 2], 3 * values[:, 0], rtol=1e-6)
    with pytest.raises(RecipeError, match=r"constituents\.charge is an input of models and cannot be truth"):
        coffea_fm.collector(tmp_path, truth=("charge",))


def test_tagger_collects_what_its_bundle_reads(events: ak.Array, tmp_path: Path) -> None:
    tagger = coffea_fm.load(make_bundle(tmp_path / "counting", tmp_path.name))
    jets = events.FatJet[events.FatJet.pt > 300]
    tagger.collect(jets, "label", folder=tmp_path / "shards", events=events)
    data, _, _ = read(tmp_path / "shards")
    assert data.level == tagger.manifest.level
    assert data.classes == tagger.classes
    tagger.collect(jets, jets.pt > 800, folder=tmp_path / "two", events=events, classes=("soft", "hard"))
    assert ShardDataset(tmp_path / "two").classes == ("soft", "hard")
    with pytest.raises(InputError, match=r"bundle .* on FatJet: the jets have no field 'lable'"):
        tagger.collect(jets, "lable", folder=tmp_path / "three", events=events)


def test_tracing_reports_the_columns_and_writes_nothing(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.collector(tmp_path / "shards", CLASSES, fields=("pt", "eta"), jet=("pt_raw",))
    touched = trace_with_typetracer(
        lambda traced: collect(traced.FatJet, "label", events=traced, columns=("msoftdrop",)), events, throw=True
    )
    assert {"PFCands_pt", "PFCands_eta", "FatJet_label", "FatJet_msoftdrop"} <= set(touched)
    assert {"FatJet_pt", "FatJet_rawFactor"} <= set(touched)
    assert "PFCands_d0" not in touched
    assert not (tmp_path / "shards").exists()


def test_what_does_not_fit_is_one_sentence(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.collector(tmp_path / "shards", CLASSES)
    with pytest.raises(InputError, match="no field 'lable' to collect as target"):
        collect(events.FatJet, "lable", events=events)
    with pytest.raises(InputError, match="weight does not match the jets to collect"):
        collect(events.FatJet, "label", events=events, weight=np.ones(3))
    with pytest.raises(InputError, match="have no entrystart"):
        collect(events.FatJet, "label", events=SimpleNamespace(metadata={"dataset": "mine", "filename": "f"}))
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("plain", [ak.Array([{"run": 1}] * 3), ak.Array([1.0, 2.0]), None])
def test_events_without_metadata_are_refused_with_what_to_give(
    events: ak.Array, tmp_path: Path, plain: ak.Array | None
) -> None:
    collect = coffea_fm.collector(tmp_path / "shards", CLASSES)
    with pytest.raises(InputError, match=r"the events have no metadata.*events=types.SimpleNamespace\(metadata="):
        collect(events.FatJet, "label", events=plain)
    collect(events.FatJet, "label", events=events_like())
    assert len(list((tmp_path / "shards").iterdir())) == 1


def test_events_of_plain_arrays_are_refused_with_the_same_sentence(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.event_collector(tmp_path / "shards", minimum=1)
    plain = ak.Array([{"event": number} for number in range(len(events))])
    with pytest.raises(InputError, match="the events have no metadata"):
        collect(events.FatJet, events=plain)


@pytest.mark.parametrize("make", [coffea_fm.collector, coffea_fm.event_collector])
def test_a_folder_without_a_name_is_refused(make: Callable[..., object]) -> None:
    with pytest.raises(RecipeError, match="the output folder is empty"):
        make("")
