"""What keeps jets and events from having a score."""

from __future__ import annotations

import numpy as np
from awkward_jets import random_tree

from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level
from coffea_fm.tokens.usable import any_reason, count_once, unusable

CONSTITUENTS = token_level("constituents", ("pt", "d0"), minimum=1)
VERTICES = token_level("vertices", ("pt",))
JET = jet_level((CONSTITUENTS, VERTICES), ("pt",))


def flags(reasons: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(concerned).tolist() for name, concerned in reasons.items()}


def of(counts: list[int], values: list[list[float]], members: dict[str, Members] | None = None) -> Members:
    rows = np.array(values, np.float32).reshape(sum(counts), -1)
    return Members(np.array(counts), Packed(rows, np.zeros((len(rows), 1), bool), members or {}))


def test_jets_without_constituents_or_with_bad_numbers() -> None:
    members = {
        "constituents": of([1, 0, 2, 1, 1], [[1, 0], [1, 0], [np.nan, 0], [1, 0], [1, np.inf]]),
        "vertices": of([0, 0, 0, 1, 0], [[-np.inf]]),
    }
    jets = Packed(np.array([[np.nan], [1], [1], [1], [1]], np.float32), np.zeros((5, 0), bool), members)
    assert flags(unusable(jets, JET)) == {"without_constituents": [1], "not_finite": [0, 2, 3, 4]}


def test_members_that_are_not_packed_cannot_be_missed() -> None:
    jets = Packed(np.ones((3, 1), np.float32), np.zeros((3, 0), bool))
    assert flags(unusable(jets, JET)) == {"not_finite": []}


def test_what_is_known_already_must_be_finite() -> None:
    jets = Packed(np.ones((3, 1), np.float32), np.zeros((3, 0), bool))
    known = jets.with_known((), {"embedding": np.array([[1, 1], [1, np.nan], [1, 1]], np.float32)})
    assert flags(unusable(known, JET)) == {"not_finite": [1]}


def test_events_of_unusable_jets() -> None:
    def events(minimum: int) -> Level:
        return Level("event", members=(jet_level((CONSTITUENTS,), ("pt",), name="FatJet", minimum=minimum),))

    constituents = of([1, 1, 0, 1, 1], [[1, 0], [1, 0], [np.inf, 0], [1, 0]])
    jets = of([2, 0, 1, 2], [[1], [1], [1], [1], [1]], {"constituents": constituents})
    packed = Packed(np.zeros((4, 0), np.float32), np.zeros((4, 0), bool), {"FatJet": jets})
    assert flags(unusable(packed, events(2))) == {
        "too_few_FatJet": [1, 2],
        "with_unusable_FatJet": [2, 3],
        "not_finite": [],
    }
    assert flags(unusable(packed, events(1)))["without_FatJet"] == [1]
    assert list(unusable(packed, events(0))) == ["with_unusable_FatJet", "not_finite"]


def test_each_thing_is_counted_for_its_first_reason() -> None:
    reasons = {"a": np.array([True, True, False, False]), "b": np.array([True, False, True, False])}
    counts, left = count_once(reasons)
    assert counts == {"a": 2, "b": 1}
    assert left.tolist() == [False, False, False, True]
    assert any_reason(reasons).tolist() == [True, True, True, False]


def test_counts_and_what_is_left_are_all() -> None:
    packed = random_tree(
        Level("event", members=(jet_level((CONSTITUENTS,), ("pt",), name="FatJet", minimum=3),)), 50, 0
    )
    counts, left = count_once(
        unusable(packed, Level("event", members=(jet_level((CONSTITUENTS,), ("pt",), name="FatJet", minimum=4),)))
    )
    assert counts["too_few_FatJet"] == (packed.members["FatJet"].counts < 4).sum() > 0
    assert sum(counts.values()) + left.sum() == 50
