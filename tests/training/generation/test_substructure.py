"""Substructure: exact values of simple jets, and a slow computation of the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from random_jets import LEVEL, momenta, packed_jets, random_jets

from coffea_fm.tokens import Packed
from coffea_fm.training.generation.substructure import Constituents, d2, n_subjettiness, observables


def jets_of(*jets: list[tuple[float, float, float]]) -> Constituents:
    """Jets of massless particles, given as pt, eta, phi."""
    rows = np.zeros((sum(map(len, jets)), len(LEVEL.members[0].names)), dtype=np.float32)
    rows[:, :3] = [particle for jet in jets for particle in jet]
    counts = np.array([len(jet) for jet in jets])
    packed: Packed = packed_jets(
        rows, counts, np.zeros((len(rows), 4), dtype=bool), np.ones((len(jets), 4), np.float32)
    )
    return Constituents.of(packed, LEVEL)


def distance(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    turn = abs(first[2] - second[2])
    return float(np.hypot(first[1] - second[1], min(turn, 2 * np.pi - turn)))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_jets_of_n_particles_have_no_n_subjettiness(axes: int) -> None:
    jets = jets_of([(30, 0.1, 3.1), (20, 0.3, -3.1), (10, -0.2, 3.0)][:axes], [(5, 1.0, 0.0)])
    np.testing.assert_allclose(n_subjettiness(jets, axes), 0, atol=1e-7)


def test_two_prongs() -> None:
    """One axis lies in the middle of two equal prongs; the sum of massless momenta is there by symmetry."""
    jets = jets_of([(50, 0.2, 0), (50, -0.2, 0)], [(50, 0.2, 0), (25, -0.2, 0.01), (25, -0.2, -0.01)])
    np.testing.assert_allclose(n_subjettiness(jets, 1)[0], 0.2, atol=1e-6)
    np.testing.assert_allclose(n_subjettiness(jets, 2), [0, 0.5 * 0.01], atol=1e-5)
    assert np.isnan(d2(jets_of([(50, 0.0, 0)]))[0])
    assert d2(jets)[0] == pytest.approx(0, abs=1e-12)


def test_three_equal_particles() -> None:
    side = 0.3
    jets = jets_of([(10, 0, 0), (10, side, 0), (10, side / 2, side * np.sqrt(3) / 2)])
    e2, e3 = 3 * side / 9, side**3 / 27
    assert d2(jets)[0] == pytest.approx(e3 / e2**3, rel=1e-5)


def test_energy_correlations_are_sums_over_pairs_and_triplets() -> None:
    rng = np.random.default_rng(0)
    listed = [
        [
            (float(rng.exponential(10)) + 0.5, float(rng.normal(0, 0.3)), float(rng.normal(3, 0.3)))
            for _ in range(length)
        ]
        for length in (2, 5, 9, 17)
    ]
    found = d2(jets_of(*listed))
    for jet, value in zip(listed, found, strict=True):
        total = sum(particle[0] for particle in jet)
        z = [particle[0] / total for particle in jet]
        r = [[distance(a, b) for b in jet] for a in jet]
        e2 = sum(z[i] * z[j] * r[i][j] for i, j in combinations(range(len(jet)), 2))
        e3 = sum(z[i] * z[j] * z[k] * r[i][j] * r[j][k] * r[i][k] for i, j, k in combinations(range(len(jet)), 3))
        assert value == pytest.approx(e3 / e2**3, rel=1e-4, abs=1e-9)


def test_axes_are_those_of_fastjet() -> None:
    fastjet = pytest.importorskip("fastjet")
    packed, _ = random_jets(30)
    jets = Constituents.of(packed, LEVEL)
    found = {axes: n_subjettiness(jets, axes) for axes in (1, 2, 3)}
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 10.0)
    for jet in range(30):
        rows = jets.momenta[jets.offsets[jet] : jets.offsets[jet + 1]]
        if len(rows) < 3:
            continue
        pseudo = [fastjet.PseudoJet(*row) for row in rows]
        cluster = fastjet.ClusterSequence(pseudo, definition)
        for axes, values in found.items():
            subjets = cluster.exclusive_jets(axes)
            expected = sum(p.pt() * min(p.delta_R(axis) for axis in subjets) for p in pseudo)
            assert values[jet] == pytest.approx(expected / sum(p.pt() for p in pseudo), rel=1e-6)


def test_all_observables() -> None:
    packed, _ = random_jets(40)
    found = observables(packed, LEVEL)
    px, py, pz, energy = momenta(packed).T
    np.testing.assert_allclose(found["pt"], np.hypot(px, py), rtol=1e-6)
    np.testing.assert_allclose(found["mass"] ** 2, energy**2 - px**2 - py**2 - pz**2, rtol=1e-4, atol=1e-3)
    lengths = packed.members["constituents"].counts
    np.testing.assert_array_equal(found["multiplicity"], lengths)
    np.testing.assert_array_equal(np.isnan(found["tau21"]), lengths == 1)
    np.testing.assert_array_equal(np.isnan(found["tau32"]), lengths <= 2)
    np.testing.assert_array_equal(np.isnan(found["d2"]), lengths == 1)
    assert (found["mass"] > observables(packed, LEVEL, massless=True)["mass"] - 1e-4).all()
