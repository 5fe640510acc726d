from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.evaluation.discrimination import roc
from coffea_fm.evaluation.sculpting import divergence, edges_of, efficiency_profile
from coffea_fm.evaluation.significance import significance_improvement


def test_an_efficiency_is_counted_in_each_bin():
    values = np.array([0.5, 0.5, 1.5, 1.5, 1.5, 3.5, 99.0])
    passed = np.array([True, False, True, True, True, False, True])
    profile = efficiency_profile(values, passed, np.arange(5.0))
    assert profile.efficiency == pytest.approx([0.5, 1, np.nan, 0], nan_ok=True)
    low, high = efficiency_interval([1, 3, 0], [2, 3, 1])
    assert profile.low[[0, 1, 3]] == pytest.approx(low)
    assert profile.high[[0, 1, 3]] == pytest.approx(high)
    assert np.isnan(profile.high[2])


def test_bins_span_the_bulk_also_where_all_values_are_equal():
    assert edges_of(np.append(np.linspace(0, 100, 1001), 1e6))[[0, -1]] == pytest.approx([1, 99], abs=0.2)
    assert np.all(np.diff(edges_of(np.full(10, 3.0))) > 0)


def test_a_blind_cut_shapes_nothing_and_a_cut_on_the_mass_does():
    rng = np.random.default_rng(0)
    mass = rng.exponential(50, 20_000)
    blind = divergence(mass, rng.random(len(mass)) < 0.05)
    assert blind.value < blind.by_chance < 0.02
    window = divergence(mass, (mass > 80) & (mass < 120))
    assert window.value > 20 * window.by_chance
    assert window.passed == np.sum((mass > 80) & (mass < 120))


def test_the_divergence_is_in_bits():
    mass = np.repeat([0.0, 1.0], 500)
    half = divergence(mass, mass == 1)
    mixture = (0.75, 0.25)
    expected = 0.5 * (0.5 * np.log2(0.5 / mixture[0]) + 0.5 * np.log2(0.5 / mixture[1])) + 0.5 * np.log2(1 / mixture[0])
    assert half.value == pytest.approx(expected)


def test_significance_is_signal_over_the_root_of_background_where_enough_passes():
    rng = np.random.default_rng(0)
    signal, background = rng.normal(2, 1, 500), rng.normal(0, 1, 1000)
    curve = significance_improvement(roc(signal, background))
    at = np.argmax(curve.value)
    cut = np.sort(signal)[::-1][round(curve.signal[at] * 500) - 1]
    passing = np.sum(background >= cut)
    assert passing >= 10
    assert curve.value[at] == pytest.approx(curve.signal[at] / np.sqrt(passing / 1000))
    assert np.all((curve.low <= curve.value) & (curve.value <= curve.high))
    assert len(significance_improvement(roc(signal, background[:5] - 10)).signal) == 0
