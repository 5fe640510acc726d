from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.calibration.reliability import reliability
from coffea_fm.calibration.temperature import best_temperature, with_temperature


def calibrated(n: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Two classes; with power 1 the first score is the probability of the first class."""
    rng = np.random.default_rng(0)
    probability = rng.random(n)
    target = (rng.random(n) > probability).astype(int)
    told = probability**power / (probability**power + (1 - probability) ** power)
    return np.stack([told, 1 - told], axis=1), target


def test_probabilities_are_reliable():
    result = reliability(*calibrated(100_000, 1))
    assert result.expected_error < 0.01
    assert sum(result.jets) == 100_000
    for confidence, accuracy, jets in zip(result.confidence, result.accuracy, result.jets, strict=True):
        if jets:
            assert accuracy == pytest.approx(confidence, abs=5 * np.sqrt(0.25 / jets))


def test_overconfidence_is_found():
    result = reliability(*calibrated(100_000, 3))
    assert result.expected_error > 0.1


def test_certainty_is_in_the_last_bin_and_empty_bins_are_none():
    result = reliability(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]), bins=4)
    assert result.jets == [0, 0, 0, 2]
    assert result.accuracy == [None, None, None, 0.5]
    assert result.expected_error == pytest.approx(0.5)


@pytest.mark.parametrize("power", [0.5, 1, 3])
def test_the_best_temperature_undoes_a_power(power):
    assert best_temperature(*calibrated(100_000, power)) == pytest.approx(power, rel=0.02)


def test_with_the_best_temperature_scores_are_probabilities():
    scores, target = calibrated(50_000, 3)
    assert reliability(with_temperature(scores, best_temperature(scores, target)), target).expected_error < 0.01
