from __future__ import annotations

from importlib import import_module

import awkward as ak
import numpy as np
import pytest

from coffea_fm.kinematics import invariant_mass

resolved = import_module("hh4b.resolved")


def decay(mass, pt, eta, phi, rng):
    """Four-momenta of two massless jets from a particle, whose mass and direction they add up to."""
    boost = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    energy = np.sqrt(boost @ boost + mass**2)
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    jets = []
    for sign in (1, -1):
        momentum = sign * direction * mass / 2
        along = momentum @ boost / mass
        moved = momentum + boost * (along / (energy + mass) + 0.5)
        jets.append([*moved, np.linalg.norm(moved)])
    return jets


def event_of(first, second, seed=0):
    rng = np.random.default_rng(seed)
    jets = decay(first, 300.0, 0.3, 0.1, rng) + decay(second, 150.0, -0.4, 3.0, rng)
    return np.array(jets)


def mass(momentum):
    return float(invariant_mass(*momentum))


def records(jets, score):
    pt = np.hypot(jets[:, 0], jets[:, 1])
    eta = np.arcsinh(jets[:, 2] / pt)
    phi = np.arctan2(jets[:, 1], jets[:, 0])
    return ak.zip({"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros(len(jets)), "b_score": np.array(score)})


def test_the_four_momenta_of_two_decays_add_up():
    jets = event_of(125.0, 110.0)
    assert mass(jets[:2].sum(axis=0)) == pytest.approx(125)
    assert mass(jets[2:].sum(axis=0)) == pytest.approx(110)


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_pairing_does_not_depend_on_the_order_of_the_jets(order):
    events = np.stack([event_of(125.0, 120.0, seed) for seed in range(20)])
    paired = resolved.pair_jets(events)
    np.testing.assert_allclose(resolved.pair_jets(events[:, list(order)]), paired, rtol=1e-9)
    np.testing.assert_allclose(paired[2], [mass(jets.sum(axis=0)) for jets in events])


def test_without_a_tie_the_nearest_to_the_line_wins():
    for seed in range(200):
        jets = event_of(125.0, 125.0 / 1.04, seed)
        distances = []
        for first, second in resolved._PAIRINGS:
            sums = [jets[pair].sum(axis=0) for pair in (first, second)]
            sums.sort(key=lambda momentum: -np.hypot(*momentum[:2]))
            m1, m2 = map(mass, sums)
            distances.append((abs(m1 - 1.04 * m2) / np.hypot(1, 1.04), m1, m2))
        distances.sort()
        if distances[1][0] - distances[0][0] > 30:
            assert resolved.pair_jets(jets[np.newaxis])[:2, 0] == pytest.approx(distances[0][1:])
            assert distances[0][0] == pytest.approx(0, abs=1e-6)
            return
    pytest.fail("no event without a tie")


def test_a_tie_goes_to_the_larger_leading_pt():
    ties = 0
    for seed in range(50):
        jets = event_of(125.0, 125.0 / 1.04, seed)
        candidates = []
        for first, second in resolved._PAIRINGS:
            sums = sorted((jets[pair].sum(axis=0) for pair in (first, second)), key=lambda p: -np.hypot(*p[:2]))
            m1, m2 = map(mass, sums)
            candidates.append((abs(m1 - 1.04 * m2) / np.hypot(1, 1.04), -np.hypot(*sums[0][:2]), m1, m2))
        two = sorted(candidates)[:2]
        if two[1][0] - two[0][0] < 30:
            ties += 1
            assert resolved.pair_jets(jets[np.newaxis])[:2, 0] == pytest.approx(min(two, key=lambda c: c[1])[2:])
    assert ties > 5


def test_regions_by_tags_and_masses():
    inside, outside = event_of(125.0, 120.0), event_of(95.0, 90.0)
    jets = ak.Array(
        [
            records(inside, [0.9, 0.9, 0.9, 0.9]),
            records(inside, [0.9, 0.9, 0.9, 0.1]),
            records(inside, [0.9, 0.9, 0.1, 0.1]),
            records(outside, [0.9, 0.9, 0.9, 0.9]),
            records(inside, [0.9, 0.9, 0.9, np.nan]),
            records(inside[:3], [0.9, 0.9, 0.9]),
        ]
    )
    pair = resolved.select_resolved(jets, 0.5)
    np.testing.assert_array_equal(pair.selected, [True, True, False, True, False, False])
    regions = pair.regions()
    assert list(regions[[0, 1]]) == ["four_tag_signal", "three_tag_signal"]
    assert regions[3] == "four_tag_sideband"
    assert ak.num(pair.jets).to_list() == [4, 4, 0, 4, 0, 0]
    assert np.isnan(pair.pair_mass[[4, 5]]).all()


def test_no_event_has_four_jets():
    pair = resolved.select_resolved(ak.Array([records(event_of(125.0, 120.0)[:3], [0.9] * 3)]), 0.5)
    assert not pair.selected.any()


def test_distance_in_units_of_the_resolution():
    centre = resolved.x_hh(*map(np.array, resolved.CENTRE))
    assert centre == pytest.approx(0)
    assert resolved.x_hh(np.array(250.0), np.array(120.0)) == pytest.approx(5)
