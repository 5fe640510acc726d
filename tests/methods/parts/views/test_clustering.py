from __future__ import annotations

from dataclasses import replace

import fastjet
import numpy as np
import pytest
from random_jets import COLUMN, FIELDS, LEVEL, column, momenta, packed_jets, random_jets, sums

from coffea_fm.methods.parts.views.clustering import Clustering, coarse
from coffea_fm.methods.parts.views.splitting import Splitting
from coffea_fm.tokens import Members, Packed


def by_fastjet(packed: Packed, jet: int, subjets: int) -> np.ndarray:
    """px, py, pz, E of exclusive subjets, hardest first; the radius is so large that nothing goes to the beam."""
    one = packed.take(np.array([jet]))
    pt, eta, phi, mass = (column(one, name) for name in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    particles = [fastjet.PseudoJet(*map(float, p)) for p in zip(px, py, pz, energy, strict=True)]
    sequence = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.kt_algorithm, 500.0))
    found = [(j.px(), j.py(), j.pz(), j.E()) for j in sequence.exclusive_jets(subjets)]
    return np.array(sorted(found, key=lambda p: -np.hypot(p[0], p[1])))


def four_momenta(packed: Packed) -> np.ndarray:
    return momenta(replace(packed, members={"constituents": one_a_set(packed.members["constituents"])}))


def one_a_set(tokens: Members) -> Members:
    return Members(np.ones(len(tokens.things), dtype=np.int64), tokens.things)


def jet_with(**columns: tuple[float, ...]) -> Packed:
    values = np.zeros((len(columns["pt"]), len(FIELDS)), dtype=np.float32)
    for name, numbers in columns.items():
        values[:, COLUMN[name]] = numbers
    missing = np.repeat(values[:, [COLUMN["charge"]]] == 0, 4, axis=1)
    return packed_jets(values, np.array([len(values)]), missing, np.ones((1, 4), np.float32))


@pytest.mark.parametrize("subjets", [1, 2, 3, 8])
def test_subjets_are_those_of_fastjet(subjets: int) -> None:
    packed, _ = random_jets(60, seed=2)
    after = coarse(packed, LEVEL, (subjets,))[0]
    tokens = after.members["constituents"]
    np.testing.assert_array_equal(tokens.counts, np.minimum(subjets, packed.members["constituents"].counts))
    found = np.split(four_momenta(after), tokens.offsets[1:-1])
    for jet in np.flatnonzero(packed.members["constituents"].counts >= subjets):
        expected = by_fastjet(packed, jet, subjets)
        np.testing.assert_allclose(found[jet] / expected[:, 3:], expected / expected[:, 3:], atol=2e-6)


def test_momentum_and_charge_are_conserved_and_one_subjet_is_the_jet() -> None:
    packed, _ = random_jets(100)
    total = momenta(packed)
    for view in coarse(packed, LEVEL, (1, 2, 7, 64)):
        np.testing.assert_allclose(momenta(view) / total[:, 3:], total / total[:, 3:], atol=2e-6)
        charges = [sums(sets, column(sets, "charge")) for sets in (view, packed)]
        np.testing.assert_array_equal(*charges)
    one = coarse(packed, LEVEL, (1,))[0]
    mass = np.sqrt(np.maximum(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1), 0))
    np.testing.assert_allclose(column(one, "mass"), mass, rtol=1e-4, atol=1e-3)


def test_jets_of_few_constituents_stay_as_they_are() -> None:
    packed, _ = random_jets(50)
    after = coarse(packed, LEVEL, (64,))[0]
    np.testing.assert_array_equal(
        after.members["constituents"].things.values, packed.members["constituents"].things.values
    )
    np.testing.assert_array_equal(
        after.members["constituents"].things.missing, packed.members["constituents"].things.missing
    )


def test_each_count_gives_what_it_gives_alone() -> None:
    packed, _ = random_jets(50)
    views = coarse(packed, LEVEL, (4, 16, 2))
    for count, view in zip((4, 16, 2), views, strict=True):
        alone = Clustering(subjets=count)(packed, LEVEL, np.random.default_rng(0))
        np.testing.assert_array_equal(
            view.members["constituents"].things.values, alone.members["constituents"].things.values
        )


def test_infrared_and_collinear_safety() -> None:
    packed, _ = random_jets(100, seed=3)
    reference = coarse(packed, LEVEL, (3,))[0]
    split = coarse(Splitting(probability=0.5)(packed, LEVEL, np.random.default_rng(0)), LEVEL, (3,))[0]
    tokens = packed.members["constituents"]
    last = tokens.offsets[1:]
    soft = np.insert(tokens.things.values, last, tokens.things.values[last - 1], axis=0)
    soft[last + np.arange(100), COLUMN["pt"]] = 1e-4
    soft[last + np.arange(100), COLUMN["phi"]] *= -1
    soft[last + np.arange(100), COLUMN["mass"]] = 0
    missing = np.insert(tokens.things.missing, last, tokens.things.missing[last - 1], axis=0)
    with_soft = packed_jets(soft, tokens.counts + 1, missing, packed.values)
    many = tokens.counts >= 3
    for other, tolerance in ((split, 2e-6), (coarse(with_soft, LEVEL, (3,))[0], 1e-3)):
        left, right = (four_momenta(sets.take(np.flatnonzero(many))) for sets in (reference, other))
        np.testing.assert_allclose(left, right, atol=tolerance * left[:, 3].max())


def test_what_a_subjet_has_of_its_constituents() -> None:
    packed = jet_with(
        pt=(50, 40, 30, 5),
        phi=(0.0, 0.01, 0.02, 2.0),
        charge=(1, -1, 0, 0),
        pdgId=(211, 11, 22, 130),
        d0=(1, 2, 0, 0),
        d0_error=(0.3, 0.4, 0, 0),
    )
    view = coarse(packed, LEVEL, (2,))[0]
    assert column(view, "charge").tolist() == [0, 0]
    assert column(view, "pdgId").tolist() == [11, 130]
    assert column(view, "d0").tolist() == [1.5, 0]
    assert column(view, "d0_error")[0] == pytest.approx(np.hypot(0.3, 0.4) / 2)
    assert view.members["constituents"].things.missing[:, 0].tolist() == [False, True]


@pytest.mark.parametrize(
    ("types", "expected"), [((211, -211), 211), ((211, 22), 0), ((22, 22), 22), ((-13, 11), 13), ((130, 11), 11)]
)
def test_type_of_a_subjet(types: tuple[int, int], expected: int) -> None:
    view = coarse(jet_with(pt=(2, 1), pdgId=types, charge=(1, 1)), LEVEL, (1,))[0]
    assert column(view, "pdgId").tolist() == [expected]


def test_jets_without_constituents() -> None:
    packed = packed_jets(
        np.zeros((0, 10), np.float32), np.zeros(3, np.int64), np.zeros((0, 4), np.bool_), np.ones((3, 4), np.float32)
    )
    assert coarse(packed, LEVEL, (1, 4))[1].members["constituents"].counts.tolist() == [0, 0, 0]
