from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_typetracer

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.tokens import Level, Members, jet_level, token_level

CHUNK = {"dataset": "X1000", "filename": "f.root", "fileuuid": "abc", "entrystart": 0, "entrystop": 100}


@pytest.fixture(scope="module")
def events() -> ak.Array:
    file = shipped("samples", "hh4b/X1000_0000.root")
    return NanoEventsFactory.from_root(
        {str(file): "Events"}, schemaclass=PFNanoAODSchema, metadata=dict(CHUNK)
    ).events()


@pytest.fixture
def jets(events: ak.Array) -> ak.Array:
    return events.FatJet[events.FatJet.pt > 250]


def read(folder: Path, level: Level | None = None) -> tuple[ShardDataset, Members, dict[str, np.ndarray]]:
    """The data set, the jets of its events, and what is stored once an event."""
    data = ShardDataset(folder, level)
    packed, columns = data.read(data.row_groups)
    return data, packed.members["FatJet"], columns


def field(jets: Members, level: Level, name: str) -> np.ndarray:
    return jets.things.values[:, level.find("FatJet").names.index(name)]


def test_events_of_the_selection_with_their_jets(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    scaled = ak.with_field(jets, 1.1 * jets.pt, "pt")
    collect = coffea_fm.event_collector(tmp_path, minimum=2, maximum=3)
    target = ak.values_astype(events.event % 2 == 0, int)
    counts = collect(scaled, target, events=events, weight="genWeight", columns={"fold": events.event % 3})
    enough = ak.num(jets) >= 2
    assert counts == {
        "events": 100,
        "without_class": 0,
        "too_few_FatJet": ak.sum(~enough),
        "with_unusable_FatJet": 0,
        "not_finite": 0,
        "written": ak.sum(enough),
        "negative_weight": 0,
    }
    kept = jets[enough][:, :3]
    data, found, columns = read(tmp_path)
    assert (data.n_sets, data.classes) == (len(kept), ("background", "signal"))
    np.testing.assert_array_equal(found.counts, ak.num(kept))
    flat = ak.flatten(kept)
    np.testing.assert_allclose(field(found, data.level, "pt"), 1.1 * ak.to_numpy(flat.pt), rtol=1e-6)
    np.testing.assert_array_equal(field(found, data.level, "msoftdrop"), flat.msoftdrop)
    np.testing.assert_array_equal(field(found, data.level, "pt_raw"), flat.uncorrected.pt)
    np.testing.assert_array_equal(field(found, data.level, "mass_raw"), flat.uncorrected.mass)
    tokens = found.things.members["constituents"]
    np.testing.assert_array_equal(tokens.counts, np.minimum(ak.num(flat.constituents), 128))
    leading = tokens.things.values[tokens.offsets[:-1], 0]
    np.testing.assert_allclose(leading, ak.max(flat.constituents.pt, axis=-1), rtol=1e-6)
    np.testing.assert_array_equal(columns["event"], events.event[enough])
    np.testing.assert_array_equal(columns["fold"], events.event[enough] % 3)
    np.testing.assert_array_equal(columns["target"], target[enough])
    np.testing.assert_array_equal(columns["weight"], ak.values_astype(events.genWeight[enough], np.float32))


def test_fewer_jets_and_constituents_than_were_kept(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    coffea_fm.event_collector(tmp_path, minimum=2, maximum=4)(jets, events=events)
    tokens = token_level("constituents", ("eta", "pt"), minimum=1, maximum=7)
    asked = jet_level((tokens,), ("pt", "eta"), name="FatJet", order="pt", minimum=2, maximum=2)
    _, found, _ = read(tmp_path, Level("event", members=(asked,)))
    kept = ak.flatten(jets[ak.num(jets) >= 2][:, :2])
    assert set(found.counts) == {2}
    np.testing.assert_array_equal(found.things.values, np.stack([kept.pt, kept.eta], axis=1))
    constituents = found.things.members["constituents"]
    assert constituents.counts.max() == 7
    best = kept.constituents[ak.argsort(-kept.constituents.pt, stable=True)][:, :7]
    expected = np.stack([ak.flatten(best[name]) for name in ("eta", "pt")], axis=1)
    np.testing.assert_array_equal(constituents.things.values, expected)


def test_stored_order_is_the_order_given(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    coffea_fm.event_collector(tmp_path, order="stored", maximum=2)(jets[:, ::-1], events=events)
    data, found, _ = read(tmp_path)
    expected = jets[ak.num(jets) >= 1][:, ::-1][:, :2]
    np.testing.assert_array_equal(field(found, data.level, "pt"), ak.flatten(expected.pt))


def test_events_that_are_left_out_are_counted_once(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    number = np.arange(100)
    leading = ak.local_index(jets.pt) == 0
    broken = ak.with_field(jets, ak.where((number % 10 == 1) & leading, np.inf, jets.mass), "mass")
    weight = np.where(number % 10 == 2, np.nan, np.where(number % 10 == 3, 0.0, 1.0 - 2.0 * (number % 10 == 4)))
    target = ak.mask(np.zeros(100, int), number % 10 != 5)
    counts = coffea_fm.event_collector(tmp_path)(broken, target, events=events, weight=weight)
    has = ak.to_numpy(ak.num(jets)) > 0
    assert counts["without_class"] == 10
    assert counts["without_FatJet"] == (~has & (number % 10 != 5)).sum()
    assert counts["with_unusable_FatJet"] == (has & (number % 10 == 1)).sum()
    assert counts["not_finite"] == (has & (number % 10 == 2)).sum()
    assert counts["negative_weight"] == (has & (number % 10 == 4)).sum()
    assert counts["written"] == 100 - sum(
        counts[name] for name in ("without_class", "without_FatJet", "with_unusable_FatJet", "not_finite")
    )
    _, _, columns = read(tmp_path)
    assert set(columns["weight"]) == {-1.0, 0.0, 1.0}


def test_a_jet_without_constituents_makes_an_event_unusable(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    empty = ak.with_field(jets[:, :1], jets.constituents[:, :1, :0], "constituents")
    counts = coffea_fm.event_collector(tmp_path)(ak.concatenate([empty, jets[:, 1:]], axis=1), events=events)
    assert counts["with_unusable_FatJet"] == ak.sum(ak.num(jets) > 0)
    assert counts["written"] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_trace_reads_what_collecting_reads(events: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.event_collector(tmp_path, fields=("pt", "eta"), jet=("pt_raw",), features=("pt", "msoftdrop"))

    def process(events: ak.Array) -> ak.Array:
        assert collect(events.FatJet, events=events, weight="genWeight")["events"] == 0
        return events.event

    needed = trace_with_typetracer(process, events, throw=True)
    assert {"FatJet_pt", "FatJet_msoftdrop", "PFCands_pt", "PFCands_eta", "genWeight", "event"} <= needed
    assert not {"PFCands_mass", "FatJet_mass", "FatJet_label"} & needed
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_named(events: ak.Array, jets: ak.Array, tmp_path: Path) -> None:
    collect = coffea_fm.event_collector(tmp_path)
    for arguments, message in (
        ({"target": jets.pt}, "target does not match the events to collect"),
        ({"weight": np.ones(7)}, "weight does not match the events to collect"),
        ({"columns": ("colour",)}, "the events have no field 'colour' to collect as colour"),
    ):
        with pytest.raises(InputError, match=message):
            collect(jets, events=events, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="99 lists of jets for 100 events"):
        collect(jets[1:], events=events)
    with pytest.raises(RecipeError, match="ordered by 'btag'"):
        coffea_fm.event_collector(tmp_path, order="btag")
    with pytest.raises(RecipeError, match="FatJet: the minimum is 3 and the maximum 2"):
        coffea_fm.event_collector(tmp_path, minimum=3, maximum=2)
