from __future__ import annotations

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from coffea_fm.errors import InputError
from coffea_fm.evaluation.discrimination import area_under, auc, rejection, roc, roc_of_histograms

values = st.lists(st.integers(0, 6).map(lambda number: number / 6), min_size=1, max_size=40).map(np.array)


@given(values, values)
def test_auc_is_that_of_scikit_learn_with_ties(signal, background):
    truth = np.r_[np.ones(len(signal)), np.zeros(len(background))]
    assert auc(signal, background) == pytest.approx(roc_auc_score(truth, np.r_[signal, background]))


@given(values, values)
def test_efficiencies_count_jets_at_or_above_the_cut(signal, background):
    curve = roc(signal, background)
    points = zip(curve.cuts, curve.signal_efficiency, curve.background_efficiency, strict=True)
    for cut, signal_efficiency, background_efficiency in points:
        assert signal_efficiency == np.mean(signal >= cut)
        assert background_efficiency == np.mean(background >= cut)


def test_rejection_of_known_distributions():
    """Exponentials: a signal efficiency e leaves e**3 of the background."""
    rng = np.random.default_rng(1)
    signal, background = rng.exponential(3, 100_000), rng.exponential(1, 100_000)
    result = rejection(signal, background, 0.5)
    assert result.signal_efficiency == pytest.approx(0.5)
    low, high = result.interval
    assert low < result.value < high
    assert result.value == pytest.approx(8, abs=4 * (high - low))
    assert result.value == 1 / np.mean(background >= result.cut)


@pytest.mark.parametrize(("n_background", "true_rejection"), [(2000, 8), (40, 8)])
def test_the_interval_of_a_rejection_covers_the_truth(n_background, true_rejection):
    """As often as it says or a little more, with few jets as well; of those experiments in which any jet passes."""
    rng = np.random.default_rng(2)
    results = [rejection(rng.exponential(3, 300), rng.exponential(1, n_background)) for _ in range(400)]
    intervals = [result.interval for result in results if result.interval is not None]
    covered = np.mean([low <= true_rejection <= high for low, high in intervals])
    assert 0.63 < covered < 0.85


def test_curve_of_histograms_is_that_of_their_jets_at_the_edges():
    rng = np.random.default_rng(3)
    signal, background = rng.beta(4, 2, 2000), rng.beta(2, 4, 3000)
    axis = hist.axis.Regular(100, 0, 1)
    filled = [hist.Hist(axis, storage=hist.storage.Weight()).fill(values, weight=2) for values in (signal, background)]
    curve = roc_of_histograms(*filled)
    assert curve.background_efficiency[50] == pytest.approx(np.mean(background >= 0.5))
    assert curve.cuts[50] == pytest.approx(0.5)
    assert (curve.n_signal, curve.n_background) == pytest.approx((2000, 3000))
    assert area_under(curve) == pytest.approx(auc(signal, background), abs=1e-3)


def test_no_background_passing_gives_a_limit_and_no_number():
    result = rejection(np.array([0.9, 0.8]), np.full(300, 0.1))
    assert result.value is None
    assert result.interval is None
    assert (1 - 1 / result.lower_limit) ** 300 == pytest.approx(0.05)


@pytest.mark.parametrize("background", [np.array([]), np.array([0.1, np.nan])])
def test_nothing_to_separate_from_is_refused(background):
    with pytest.raises(InputError, match="separation needs"):
        auc(np.array([0.5]), background)
