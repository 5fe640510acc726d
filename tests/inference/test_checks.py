from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from coffea_fm.errors import InputWarning
from coffea_fm.inference.checks import inspect, named_otherwise, warn_once
from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level

LEVEL = jet_level((token_level("constituents", ("pt", "d0"), minimum=1),), ("pt",))
FATJETS = jet_level(LEVEL.members, ("pt",), name="FatJet", order="pt", minimum=2)
EVENTS = Level("event", members=(FATJETS,))


def packed(pt: list[list[float]], jet_pt: list[float], d0: float = 0.1) -> Packed:
    flat = np.array([value for tokens in pt for value in tokens], dtype=np.float32)
    values = np.stack([flat, np.full_like(flat, d0)], axis=1)
    tokens = Packed(values, np.zeros((len(flat), 1), dtype=bool))
    members = Members(np.array([len(tokens) for tokens in pt], dtype=np.int64), tokens)
    jets = np.array(jet_pt, dtype=np.float32)[:, None]
    return Packed(jets, np.zeros((len(jets), 0), dtype=bool), {"constituents": members})


def of_events(counts: list[int], jets: Packed) -> Packed:
    nothing = np.zeros((len(counts), 0), dtype=np.float32)
    return Packed(nothing, nothing.astype(bool), {"FatJet": Members(np.array(counts), jets)})


def test_good_jets_have_no_remark() -> None:
    found = inspect(packed([[1, 2], [3]], [500, 600]), LEVEL)
    assert found.usable.all()
    assert found.remarks == {}
    assert found.counts == {"jets": 2, "without_constituents": 0, "not_finite": 0, "out_of_range": 0}


def test_nan_and_infinity_of_tokens_and_of_jets_are_found() -> None:
    found = inspect(packed([[1, np.nan], [3], [], [np.inf], [2]], [500, np.nan, np.nan, 500, 500]), LEVEL)
    assert np.flatnonzero(found.usable).tolist() == [4]
    assert found.counts == {"jets": 5, "without_constituents": 1, "not_finite": 3, "out_of_range": 0}
    assert set(found.remarks) == {"not finite constituents.pt", "not finite jet pt"}


def test_missing_values_are_no_evidence_about_units() -> None:
    sets = packed([[1, 2, 3]], [500], d0=1e6)
    assert set(inspect(sets, LEVEL).remarks) == {"implausible constituents.d0"}
    members = sets.members["constituents"]
    none_has = Members(members.counts, replace(members.things, missing=np.ones((3, 1), dtype=bool)))
    assert inspect(replace(sets, members={"constituents": none_has}), LEVEL).remarks == {}


def test_trained_ranges_of_tokens_and_jets_count_each_jet_once() -> None:
    level = ranged(LEVEL, constituents=(0.5, 50.0), jet=(400.0, 700.0))
    found = inspect(packed([[60, 70], [1], [2]], [300, 500, 800]), level)
    assert found.counts["out_of_range"] == 2
    assert found.usable.all()
    assert "2 of 3 jets" in found.remarks["out of range jet pt"]


def ranged(level: Level, **ranges: tuple[float, float]) -> Level:
    """The level with ranges of pt."""

    def change(part: Level) -> Level:
        fields = [
            replace(field, trained=ranges.get(part.name)) if field.name == "pt" else field for field in part.fields
        ]
        return replace(part, fields=tuple(fields))

    return level.map(change)


def test_things_that_score_nan_are_not_out_of_range() -> None:
    found = inspect(packed([[1], [], [1]], [300, 300, np.nan]), ranged(LEVEL, jet=(400.0, 700.0)))
    assert found.counts == {"jets": 3, "without_constituents": 1, "not_finite": 1, "out_of_range": 1}


def test_events_are_counted_with_their_jets() -> None:
    jets = packed([[1], [2], [3], [4], [5], [np.nan], [1], []], [300, 500, 500, 500, 500, 500, 500, 500])
    found = inspect(of_events([2, 1, 3, 2], jets), ranged(EVENTS, FatJet=(400.0, 700.0)))
    assert found.counts == {
        "events": 4,
        "FatJet": 8,
        "too_few_FatJet": 1,
        "with_unusable_FatJet": 2,
        "not_finite": 0,
        "out_of_range": 1,
    }
    assert found.usable.tolist() == [True, False, False, False]
    assert found.remarks["out of range FatJet.pt"].startswith(
        "FatJet.pt of 1 of 4 events is outside the range 400 to 700"
    )
    assert "in 1 of 4 events" in found.remarks["not finite constituents.pt"]


def test_jets_of_another_collection_are_remarked() -> None:
    jets = ak.with_parameter(ak.Array([{"pt": 1.0}]), "collection_name", "Jet")
    assert (
        "trained on jets called FatJet, and these are called Jet" in named_otherwise(jets, EVENTS)["another collection"]
    )
    fat = ak.with_parameter(ak.Array([{"pt": 1.0}]), "collection_name", "FatJet")
    assert named_otherwise(fat, EVENTS) == named_otherwise(ak.Array([{"pt": 1.0}]), EVENTS) == {}
    assert named_otherwise(jets, LEVEL) == {}


def test_no_jets_at_all_are_fine() -> None:
    assert inspect(packed([], []), LEVEL).counts["jets"] == 0


def test_each_cause_is_said_once_for_each_bundle() -> None:
    found = inspect(packed([[1e6]], [500]), LEVEL)
    for checksum in ("a", "b"):
        with pytest.warns(InputWarning, match="here: the median of constituents.pt"):
            warn_once(found.remarks, f"{checksum}-each-cause", "here")
        warn_once(found.remarks, f"{checksum}-each-cause", "here")
