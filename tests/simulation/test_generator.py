from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import RecipeError
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.generator import BEAM_ENERGY, generate
from coffea_fm.simulation.processes import PROCESSES, Process


def test_every_class_has_a_process() -> None:
    assert tuple(PROCESSES) == JET_CLASSES


def test_final_particles_conserve_the_beams_momentum(top_events: Events) -> None:
    final = top_events.status > 0
    for column, expected in (("px", 0.0), ("py", 0.0), ("pz", 0.0), ("energy", BEAM_ENERGY)):
        total = np.bincount(top_events.event[final], weights=getattr(top_events, column)[final])
        np.testing.assert_allclose(total, expected, atol=0.05)


def test_mothers_are_in_the_same_event(top_events: Events) -> None:
    child = np.flatnonzero(top_events.mother >= 0)
    assert np.array_equal(top_events.event[child], top_events.event[top_events.mother[child]])
    photons = child[(top_events.pdg_id[child] == 22) & (top_events.status[child] == 91)]
    assert np.isin(111, top_events.pdg_id[top_events.mother[photons]])


def test_decay_vertices_lie_on_the_mothers_path(top_events: Events) -> None:
    child = np.flatnonzero((top_events.mother >= 0) & (top_events.status == 91))
    child = child[np.isin(np.abs(top_events.pdg_id[top_events.mother[child]]), (310, 3122))]
    mother = top_events.mother[child]
    path = np.stack([getattr(top_events, axis)[child] - getattr(top_events, axis)[mother] for axis in "xyz"])
    momentum = np.stack([getattr(top_events, f"p{axis}")[mother] for axis in "xyz"])
    length = np.linalg.norm(path, axis=0)
    cosine = np.sum(path * momentum, axis=0) / length / np.linalg.norm(momentum, axis=0)
    np.testing.assert_allclose(cosine, 1.0, atol=1e-6)
    assert 100 < np.median(length) < 1000  # mm: K-short and Lambda of a few to some tens of GeV


def test_seeds_repeat_and_differ() -> None:
    def first_momenta(seed: int) -> list[float]:
        events = next(generate(PROCESSES["Zqq"], (500, 1000), max_eta=2.0, seed=seed, batch=2))
        return list(events.px[:200])

    assert first_momenta(5) == first_momenta(5)
    assert first_momenta(5) != first_momenta(6)


def test_alternatives_take_turns() -> None:
    batches = generate(PROCESSES["Hqql"], (500, 1000), max_eta=2.0, seed=2, batch=8)
    for sign in (1, -1, 1):
        events = next(batches)
        leptons = np.isin(np.abs(events.pdg_id), (11, 13)) & (np.abs(events.status) == 23)
        assert leptons.sum() == 8
        assert set(np.sign(events.pdg_id[leptons])) == {sign}


def test_every_event_has_a_wanted_decay() -> None:
    events = next(generate(PROCESSES["Wqq"], (500, 1000), max_eta=2.0, seed=3, batch=20))
    w = np.flatnonzero((np.abs(events.pdg_id) == 24) & (np.abs(events.status) == 22))
    pt = np.hypot(events.px[w], events.py[w])
    eta = np.arcsinh(events.pz[w] / pt)
    good = (pt > 0.92 * 500) & (np.abs(eta) < 2.15)
    assert np.array_equal(np.unique(events.event[w[good]]), np.arange(20))


def test_flattened_spectrum_is_undone_by_the_weights() -> None:
    def hard_pt(*, flat: bool) -> tuple[np.ndarray, np.ndarray]:
        events = next(generate(PROCESSES["QCD"], (200, 1500), max_eta=2.0, seed=4, batch=60, flat=flat))
        parton = np.flatnonzero(np.abs(events.status) == 23)[::2]
        return np.hypot(events.px[parton], events.py[parton]), events.weight

    falling, ones = hard_pt(flat=False)
    flattened, weights = hard_pt(flat=True)
    assert np.ptp(ones) == 0
    assert np.median(flattened) > 1.5 * np.median(falling)
    assert np.average(flattened, weights=weights) == pytest.approx(falling.mean(), rel=0.2)


def test_unknown_setting_is_named() -> None:
    with pytest.raises(RecipeError, match="Nonsense:all"):
        next(generate(Process(("Nonsense:all = on",)), (500, 1000), max_eta=2.0, seed=1))


def test_further_settings_change_the_events_and_unknown_ones_are_refused() -> None:
    def first(*further: str) -> Events:
        return next(generate(PROCESSES["Hbb"], (500, 1000), max_eta=2.0, seed=5, batch=5, further=further))

    def farthest_b_decay(events: Events) -> float:
        from_b = np.isin(np.abs(events.pdg_id[events.mother]), (511, 521, 531, 5122)) & (events.mother >= 0)
        return float(np.hypot(events.x, events.y)[from_b].max())

    assert farthest_b_decay(first()) > 0.5  # mm
    assert farthest_b_decay(first("511:tau0 = 0", "521:tau0 = 0", "531:tau0 = 0", "5122:tau0 = 0")) < 1e-6
    with pytest.raises(RecipeError, match="does not know the setting 'Tuna:pp = 21'"):
        first("Tuna:pp = 21")
