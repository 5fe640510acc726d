from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from coffea_fm.errors import InputError
from coffea_fm.evaluation.discrimination import auc, efficiencies, rejection

values = st.lists(st.integers(0, 6).map(lambda number: number / 6), min_size=1, max_size=40).map(np.array)


@given(values, values)
def test_auc_is_that_of_scikit_learn_with_ties(signal, background):
    truth = np.r_[np.ones(len(signal)), np.zeros(len(background))]
    assert auc(signal, background) == pytest.approx(roc_auc_score(truth, np.r_[signal, background]))


@given(values, values)
def test_efficiencies_count_jets_at_or_above_the_cut(signal, background):
    above, other = efficiencies(signal, background)
    for cut, signal_efficiency, background_efficiency in zip(np.sort(signal)[::-1], above, other, strict=True):
        assert signal_efficiency == np.mean(signal >= cut)
        assert background_efficiency == np.mean(background >= cut)


def test_rejection_of_known_distributions():
    """Exponentials: a signal efficiency e leaves e**3 of the background."""
    rng = np.random.default_rng(1)
    signal, background = rng.exponential(3, 100_000), rng.exponential(1, 100_000)
    result = rejection(signal, background, 0.5)
    assert result.signal_efficiency == pytest.approx(0.5)
    assert result.value == pytest.approx(8, abs=4 * result.error)
    assert result.value == 1 / np.mean(background >= result.cut)


def test_rejection_error_is_the_spread_of_repeated_experiments():
    rng = np.random.default_rng(2)
    results = [rejection(rng.exponential(3, 300), rng.exponential(1, 2000), 0.5) for _ in range(400)]
    spread = np.std([result.value for result in results])
    assert np.mean([result.error for result in results]) == pytest.approx(spread, rel=0.15)


def test_no_background_passing_gives_a_limit_and_no_number():
    result = rejection(np.array([0.9, 0.8]), np.full(300, 0.1))
    assert result.value is None
    assert result.error is None
    assert result.lower_limit == pytest.approx(300 / 2.9957, rel=1e-4)


@pytest.mark.parametrize("background", [np.array([]), np.array([0.1, np.nan])])
def test_nothing_to_separate_from_is_refused(background):
    with pytest.raises(InputError, match="separation needs"):
        auc(np.array([0.5]), background)
