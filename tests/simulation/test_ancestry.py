from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.simulation.ancestry import Origin, ancestry, has_quark
from coffea_fm.simulation.events import Events


def chain(*pdg_ids: int) -> Events:
    """One event in which each particle is the mother of the next."""
    n = len(pdg_ids)
    zero = np.zeros(n)
    status = np.array([-83] * (n - 1) + [91], np.int32)
    return Events(np.array([0, n]), np.array(pdg_ids, np.int32), status, np.arange(n) - 1, *([zero] * 7), np.ones(1))


@pytest.mark.parametrize(
    ("pdg_ids", "origin", "heavy_flavour"),
    [
        ([5, 211], Origin.PRIMARY, 0),
        ([5, 513, 511, 211], Origin.B_HADRON, 5),
        ([5, 513, 22], Origin.B_HADRON, 5),
        ([5, 511, -411, 211], Origin.C_HADRON_FROM_B, 5),
        ([5, 511, -413, -411, 310, 211], Origin.C_HADRON_FROM_B, 5),
        ([4, 421, -321], Origin.C_HADRON, 4),
        ([24, -15, 213, 211], Origin.TAU, 0),
        ([2, 3122, 2212], Origin.OTHER_SECONDARY, 0),
        ([5, 5122, 4122, 3122, 2212], Origin.C_HADRON_FROM_B, 5),
        ([4, 443, 13], Origin.PRIMARY, 0),
    ],
)
def test_chains(pdg_ids: list[int], origin: Origin, heavy_flavour: int) -> None:
    found = ancestry(chain(*pdg_ids), np.array([len(pdg_ids) - 1]))
    assert (found.origin[0], found.heavy_flavour[0]) == (origin, heavy_flavour)


def test_hadron_is_the_weakly_decaying_one() -> None:
    found = ancestry(chain(5, 513, 511, -413, -411, 211), np.array([5]))
    assert (found.b_hadron[0], found.c_hadron[0]) == (2, 4)


def test_what_an_excited_hadron_radiates_is_primary() -> None:
    # 5 -> B* -> (B, photon): the photon is made at the collision
    events = chain(5, 513, 511, 22)
    events.mother[3] = 1
    assert ancestry(events, np.array([3])).origin[0] == Origin.PRIMARY


def test_same_as_climbing_one_by_one(top_events: Events) -> None:
    final = np.flatnonzero(top_events.status > 0)[::60]
    found = ancestry(top_events, final)
    for row, heavy_flavour in zip(final, found.heavy_flavour, strict=True):
        expected, child, at = 0, -1, top_events.mother[row]
        while at >= 0:
            daughters = np.flatnonzero(top_events.mother == at) if _heavy(top_events, at) else []
            for quark in (4, 5):
                own = bool(has_quark(top_events.pdg_id[at : at + 1], quark)[0])
                excited = any(has_quark(top_events.pdg_id[d : d + 1], quark)[0] for d in daughters)
                if own and not excited:
                    expected = max(expected, quark)
            child, at = at, top_events.mother[at]
        assert child >= 0
        assert heavy_flavour == expected
    assert set(found.heavy_flavour) == {0, 4, 5}


def _heavy(events: Events, row: int) -> bool:
    return any(has_quark(events.pdg_id[row : row + 1], quark)[0] for quark in (4, 5))


@pytest.mark.parametrize(
    ("pdg_id", "b", "c"),
    [
        (511, True, False), (-521, True, False), (5122, True, False), (10511, True, False), (541, True, False),
        (411, False, True), (-4232, False, True), (20413, False, True), (443, False, False), (553, False, False),
        (310, False, False), (3122, False, False), (5, False, False), (5203, False, False), (4203, False, False),
    ],
)  # fmt: skip
def test_has_quark(pdg_id: int, b: bool, c: bool) -> None:
    number = np.array([pdg_id], np.int32)
    assert (bool(has_quark(number, 5)[0]), bool(has_quark(number, 4)[0])) == (b, c)
