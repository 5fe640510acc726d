from __future__ import annotations

from dataclasses import replace

import awkward as ak
import fastjet
import numpy as np
import pytest

from coffea_fm.simulation.candidates import Candidates
from coffea_fm.simulation.detector import detect
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.jets import Jets, cluster


@pytest.fixture(scope="module")
def candidates(top_events: Events) -> Candidates:
    return detect(top_events, np.random.default_rng(0))


@pytest.fixture(scope="module")
def jets(candidates: Candidates, top_events: Events) -> Jets:
    return cluster(candidates, len(top_events), (300.0, 2000.0), 2.5)


def pseudojets(candidates: Candidates, rows: np.ndarray) -> list[fastjet.PseudoJet]:
    c = candidates.take(rows)
    momenta = zip(
        c.pt * np.cos(c.phi),
        c.pt * np.sin(c.phi),
        c.pt * np.sinh(c.eta),
        np.sqrt((c.pt * np.cosh(c.eta)) ** 2 + c.mass**2),
        strict=True,
    )
    return [fastjet.PseudoJet(*(float(component) for component in p)) for p in momenta]


def test_same_jets_as_event_by_event(candidates: Candidates, jets: Jets, top_events: Events) -> None:
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8)
    expected = []
    for event in range(len(top_events)):
        inputs = pseudojets(candidates, np.flatnonzero(candidates.event == event))
        found = fastjet.ClusterSequence(inputs, definition).inclusive_jets(300.0)
        expected += [(event, j.pt(), j.m()) for j in sorted(found, key=lambda j: -j.pt()) if abs(j.eta()) < 2.5]
    assert len(expected) > 40
    np.testing.assert_allclose(np.stack([jets.event, jets.pt, jets.mass], axis=1), expected, rtol=1e-6)


def test_constituents_sum_to_the_jet_and_fall(candidates: Candidates, jets: Jets) -> None:
    for jet in range(len(jets.pt)):
        rows = jets.constituents[jets.offsets[jet] : jets.offsets[jet + 1]]
        assert set(candidates.event[rows]) == {jets.event[jet]}
        assert np.all(np.diff(candidates.pt[rows]) <= 0)
        px, py = (np.sum(candidates.pt[rows] * f(candidates.phi[rows])) for f in (np.cos, np.sin))
        assert np.hypot(px, py) == pytest.approx(jets.pt[jet], rel=1e-9)


def softdrop(jet: fastjet.PseudoJet) -> float:
    """Soft drop (z = 0.1, beta = 0) by hand: follow the harder branch until the split is balanced."""
    while True:
        one, two = fastjet.PseudoJet(), fastjet.PseudoJet()
        if not jet.has_parents(one, two):
            return max(jet.m(), 0.0)
        if min(one.pt(), two.pt()) / (one.pt() + two.pt()) > 0.1:
            return float(jet.m())
        jet = one if one.pt() > two.pt() else two


def test_softdrop_mass_is_that_of_the_definition(candidates: Candidates, jets: Jets) -> None:
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0)
    expected = []
    for jet in range(len(jets.pt)):
        rows = jets.constituents[jets.offsets[jet] : jets.offsets[jet + 1]]
        sequence = fastjet.ClusterSequence(pseudojets(candidates, rows), definition)
        expected.append(softdrop(sequence.exclusive_jets(1)[0]))
    np.testing.assert_allclose(jets.softdrop_mass, expected, rtol=1e-5, atol=1e-3)
    assert np.all(jets.softdrop_mass <= jets.mass + 1e-6)


def test_range_and_no_jets(candidates: Candidates, top_events: Events) -> None:
    narrow = cluster(candidates, len(top_events), (500.0, 600.0), 1.0)
    assert np.all((narrow.pt >= 500) & (narrow.pt < 600) & (np.abs(narrow.eta) < 1.0))
    nothing = cluster(candidates, len(top_events), (6000.0, 7000.0), 2.0)
    assert len(nothing.pt) == len(nothing.constituents) == 0
    assert nothing.offsets.tolist() == [0]
    empty = replace(candidates, **{name: column[:0] for name, column in vars(candidates).items()})
    assert len(cluster(empty, 3, (500.0, 600.0), 1.0).pt) == 0


def test_tops_give_jets_of_the_tops_mass(jets: Jets) -> None:
    assert 150 < np.median(jets.mass[jets.pt > 500]) < 190
    assert ak.all(np.diff(jets.event) >= 0)
