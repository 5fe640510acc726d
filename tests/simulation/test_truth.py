from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.simulation.events import Events
from coffea_fm.simulation.truth import HardParticles, hard_particles, match


def test_each_top_has_its_three_quarks(top_events: Events) -> None:
    hard = hard_particles(top_events)
    tops = np.flatnonzero(np.abs(hard.pdg_id) == 6)
    assert len(tops) == 2 * len(top_events)
    for top in tops:
        daughters = np.flatnonzero(hard.mother == top)
        assert sorted(np.abs(hard.pdg_id[daughters])) == [5, 24]
        w = daughters[np.abs(hard.pdg_id[daughters]) == 24]
        quarks = np.flatnonzero(hard.mother == w)
        assert len(quarks) == 2
        assert np.sign(hard.pdg_id[w]) == np.sign(hard.pdg_id[top])
        family = np.flatnonzero(hard.origin == top)
        assert set(family) == {top, *daughters, *quarks}
        assert set(hard.event[family]) == {hard.event[top]}
        products = family[hard.status[family] == 23]
        px, py = (sum(hard.pt[products] * f(hard.phi[products])) for f in (np.cos, np.sin))
        # radiation of the top's b quark may push the W before it decays
        assert np.hypot(px, py) == pytest.approx(hard.pt[top], rel=0.2)


def decay(*products: tuple[int, float, float]) -> HardParticles:
    """One event: a resonance 25 in row 0 that decays to (pdg_id, eta, phi)."""
    n = len(products) + 1
    pdg_id, eta, phi = (np.array(column) for column in zip((25, 0.0, 0.0), *products, strict=True))
    return HardParticles(
        event=np.zeros(n, np.int64),
        pdg_id=pdg_id.astype(np.int64),
        status=np.array([22] + [23] * (n - 1)),
        mother=np.array([-1] + [0] * (n - 1)),
        origin=np.zeros(n, np.int64),
        pt=np.ones(n),
        eta=eta,
        phi=phi,
        mass=np.zeros(n),
    )


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ([(5, 0.3, 0.0), (-5, -0.3, 0.0)], 0),
        ([(5, 0.9, 0.0), (-5, -0.3, 0.0)], -1),
        ([(5, 0.3, 0.0), (-5, -0.3, 0.9)], -1),
        ([(4, 0.3, 0.0), (-3, 0.0, 0.3), (11, 0.0, -0.3), (-12, 2.0, 2.0)], 0),
        ([(4, 0.3, 0.0), (-3, 0.0, 0.3), (11, 0.0, -0.9), (-12, 0.0, 0.0)], -1),
    ],
)
def test_match_wants_every_visible_product_within_the_radius(
    products: list[tuple[int, float, float]], expected: int
) -> None:
    found = match(decay(*products), 25, np.zeros(1, np.int64), np.zeros(1), np.zeros(1), 0.8)
    assert found.tolist() == [expected]


def test_match_knows_the_event_the_resonance_and_the_turn_of_phi() -> None:
    hard = decay((5, 0.0, 3.1), (-5, 0.0, -3.1))
    jets = np.array([0, 1, 0]), np.zeros(3), np.array([np.pi, np.pi, 0.0])
    assert match(hard, 25, *jets, 0.8).tolist() == [0, -1, -1]
    assert match(hard, 24, *jets, 0.8).tolist() == [-1, -1, -1]


def test_no_jets_no_match() -> None:
    empty = np.zeros(0)
    assert len(match(decay((5, 0.0, 0.0), (-5, 0.0, 0.0)), 25, empty.astype(np.int64), empty, empty, 0.8)) == 0
