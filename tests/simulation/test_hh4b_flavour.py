from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.classes import JET_CLASSES
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.hh4b.flavour import Directions, count_in, decay_of, heavy_hadrons, nearest, parton_of
from coffea_fm.simulation.jets import Jets
from coffea_fm.simulation.truth import HardParticles


def jets(*axes: tuple[int, float, float]) -> Jets:
    """Jets of (event, eta, phi), of falling momentum."""
    event, eta, phi = (np.array(column) for column in zip(*axes, strict=True))
    pt = np.linspace(500, 300, len(axes))
    nothing = np.zeros(len(axes))
    offsets = np.zeros(len(axes) + 1, np.int64)
    return Jets(
        event.astype(np.int64), pt, eta.astype(float), phi.astype(float), nothing, nothing, offsets, offsets[:0]
    )


def hard(*rows: tuple[int, int, int, float, float]) -> HardParticles:
    """Hard particles of one event: (pdg_id, status, mother, eta, phi); each is harder than the ones before it."""
    pdg_id, status, mother, eta, phi = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return HardParticles(
        event=np.zeros(n, np.int64), pdg_id=pdg_id, status=status, mother=mother, origin=np.arange(n),
        pt=np.arange(1.0, n + 1), eta=eta.astype(float), phi=phi.astype(float), mass=np.zeros(n),
    )  # fmt: skip


TOP = [(6, 22, -1, 0, 0), (5, 23, 0, 0.3, 0), (24, 22, 0, 0, 0)]


def label(*rows: tuple[int, int, int, float, float]) -> tuple[int, str]:
    resonance, found = decay_of(jets((0, 0.0, 0.0)), hard(*rows), 0.8)
    return int(resonance[0]), "none" if found[0] < 0 else JET_CLASSES[found[0]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(5100039, 22, -1, 0, 0), (25, 22, 0, 0, 0), (5, 23, 1, 0.3, 0), (-5, 23, 1, -0.3, 0)], (1, "Hbb")),
        ([(25, 22, -1, 0, 0), (5, 23, 0, 0.3, 0), (-5, 23, 0, -0.9, 0)], (-1, "none")),
        ([(25, 22, -1, 0, 0), (5, 23, 0, 1.3, 0), (-5, 23, 0, -0.9, 0)], (-1, "QCD")),
        ([(23, 22, -1, 0, 0), (1, 23, 0, 0.3, 0), (-1, 23, 0, -0.3, 0)], (0, "Zqq")),
        ([*TOP, (2, 23, 2, 0, 0.4), (-1, 23, 2, 0, -0.4)], (0, "Tbqq")),
        ([*TOP, (-13, 23, 2, 0, 0.4), (14, 23, 2, 3, 3)], (0, "Tbl")),
        ([*TOP, (-15, 23, 2, 0, 0.4), (16, 23, 2, 3, 3)], (0, "none")),
        ([TOP[0], (5, 23, 0, 0.9, 0), TOP[2], (2, 23, 2, 0, 0.4), (-1, 23, 2, 0, -0.4)], (2, "Wqq")),
        ([TOP[0], (5, 23, 0, 0.9, 0), TOP[2], (-11, 23, 2, 0, 0.4), (12, 23, 2, 0, 0)], (2, "none")),
        ([(21, 23, -1, 0, 0), (21, 23, -1, 0, 3)], (-1, "QCD")),
    ],
)
def test_labels_of_decays(rows: list[tuple[int, int, int, float, float]], expected: tuple[int, str]) -> None:
    assert label(*rows) == expected


def test_nearest_jet_of_the_same_event_within_the_radius_and_over_the_turn_of_phi() -> None:
    found = jets((0, 0.0, 0.0), (0, 0.5, 0.0), (1, 0.0, 3.1))
    particles = Directions(np.array([0, 0, 0, 1]), np.array([0.2, 0.3, 1.0, 0.0]), np.array([0.0, 0.0, 0.0, -3.1]))
    assert nearest(found, particles, 0.4).tolist() == [0, 1, -1, 2]
    assert count_in(found, particles, 0.4).tolist() == [1, 1, 1]
    assert count_in(found, particles, 0.1).tolist() == [0, 0, 1]


def test_parton_of_a_jet_is_the_hardest_final_one() -> None:
    found = jets((0, 0.0, 0.0), (0, 2.0, 0.0))
    partons = hard((5, 23, -1, 0.1, 0), (21, 23, -1, -0.1, 0), (12, 23, -1, 0, 0), (24, 22, -1, 0, 0))
    assert parton_of(found, partons, 0.4).tolist() == [1, -1]


def test_heavy_hadrons_of_top_pairs(top_events: Events) -> None:
    beauty, charm = heavy_hadrons(top_events)
    per_event = np.bincount(beauty.event, minlength=len(top_events))
    assert per_event.min() >= 1
    assert 1.8 < per_event.mean() < 2.6
    from_w = (np.abs(top_events.pdg_id) == 4) & (np.abs(top_events.status) == 23)
    with_charm = np.bincount(charm.event, minlength=len(top_events)) > 0
    assert with_charm[np.unique(top_events.event[from_w])].mean() > 0.8
    assert with_charm.mean() < 0.95
