from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.simulation.hh4b import generator
from coffea_fm.simulation.hh4b.generator import GeneratedEvents, cross_section, generate_events
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES, MASSES

HARD_ONLY = ("PartonLevel:all = off", "HadronLevel:all = off")
BARE = ("PartonLevel:MPI = off", "PartonLevel:ISR = off", "PartonLevel:FSR = off", "HadronLevel:all = off")
QUICK = ("PartonLevel:MPI = off", "HadronLevel:all = off")
EDGES = np.array([100.0, 130.0, 170.0, 250.0, 400.0])


def spectrum(batches: list[GeneratedEvents], name: str, chosen: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Cross section and its error in bins of the hard process's pT, pb."""
    hard_pt, weight = (
        np.concatenate(parts) for parts in ([b.hard_pt for b in batches], [b.events.weight for b in batches])
    )
    if chosen:
        weight = weight * np.array([getattr(made, chosen) for batch in batches for made in batch.made])
    per_weight = cross_section(name)[0] / batches[-1].made[-1].tried_weight
    sums, squares = (np.histogram(hard_pt, EDGES, weights=weight**power)[0] for power in (1, 2))
    return sums * per_weight, np.sqrt(squares) * per_weight


def test_biased_and_unbiased_spectra_agree() -> None:
    flat, falling = (
        list(islice(generate_events("QCD", 3, batch=4000, flat=flat, further=HARD_ONLY), 2)) for flat in (True, False)
    )
    biased, unbiased = spectrum(flat, "QCD"), spectrum(falling, "QCD")
    pull = (biased[0] - unbiased[0]) / np.hypot(biased[1], unbiased[1])
    assert np.sum(pull**2) < 16  # 4 bins
    assert np.sum(biased[0]) == pytest.approx(cross_section("QCD")[0], rel=0.05)
    above = [np.mean(np.concatenate([batch.hard_pt for batch in batches]) > 400) for batches in (flat, falling)]
    assert above[0] > 5 * above[1]


def test_two_b_part_of_all_multijet_is_what_the_enriched_sample_holds() -> None:
    everything = list(islice(generate_events("QCD", 4, batch=300, further=QUICK), 3))
    enriched = list(islice(generate_events("QCDbb", 5, batch=100, further=QUICK), 2))
    assert all(made.two_b for batch in enriched for made in batch.made)
    inclusive, expected = spectrum(everything, "QCD", "two_b"), spectrum(enriched, "QCDbb")
    assert np.count_nonzero([made.two_b for batch in everything for made in batch.made]) > 60
    total = [np.sum(inclusive[0]), np.sum(expected[0])]
    error = np.sqrt(np.sum(inclusive[1] ** 2) + np.sum(expected[1] ** 2))
    assert abs(total[0] - total[1]) < 3 * error < 0.6 * total[1]
    assert enriched[-1].made[-1].tried > everything[-1].made[-1].tried


def test_every_hard_process_is_counted() -> None:
    batches = list(islice(generate_events("TT", 6, batch=200, further=HARD_ONLY), 3))
    weights = np.concatenate([batch.events.weight for batch in batches])
    made = [made for batch in batches for made in batch.made]
    assert [m.tried for m in made] == list(range(1, 601))
    np.testing.assert_allclose([m.tried_weight for m in made], np.cumsum(weights))
    np.testing.assert_allclose([m.tried_weight2 for m in made], np.cumsum(weights**2))
    assert np.ptp(weights) > 0.1


def test_gravitons_have_their_masses_and_decay_to_four_b() -> None:
    for name, mass in ((f"X{MASSES[0]}", MASSES[0]), (f"X{MASSES[-1]}", MASSES[-1])):
        batch = next(generate_events(name, 7, batch=100, further=BARE))
        events = batch.events
        graviton = np.abs(events.pdg_id) == 5100039
        squared = events.energy**2 - events.px**2 - events.py**2 - events.pz**2
        assert np.median(np.sqrt(squared[graviton])) == pytest.approx(mass, rel=0.02)
        from_higgs = (np.abs(events.pdg_id) == 5) & (events.pdg_id[events.mother] == 25)
        assert np.bincount(events.event[from_higgs]).tolist() == [4] * 100
        assert np.all(events.weight == 1)


def test_broad_mixture_covers_all_masses() -> None:
    events = next(generate_events("HH", 8, batch=1000, further=BARE)).events
    graviton = np.abs(events.pdg_id) == 5100039
    mass = np.sqrt((events.energy**2 - events.px**2 - events.py**2 - events.pz**2)[graviton])
    low, median, high = np.percentile(mass, (2, 50, 98))
    assert 260 < low < 400
    assert 550 < median < 800
    assert high > 2000


def test_every_process_starts_and_has_a_cross_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_INTEGRATION_POINTS", 5000)
    sections = {name: cross_section.__wrapped__(name) for name in EVENT_PROCESSES}
    assert all(0 < error < 0.02 * value for value, error in sections.values())
    assert sections["QCD"] == sections["QCDbb"]
    assert 450 < sections["TT"][0] < 600  # pb, leading order
    assert sections["X600"][0] > sections["X800"][0] > sections["X2000"][0]


def test_further_settings_are_read_and_unknown_ones_named() -> None:
    assert cross_section("X600", ("Beams:eCM = 14000",))[0] > 1.1 * cross_section("X600")[0]
    with pytest.raises(RecipeError, match="'Tuna:pp = 21'"):
        next(generate_events("QCD", 1, further=("Tuna:pp = 21",)))
