from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.evaluation.discrimination import auc, rejection
from coffea_fm.evaluation.paired import paired

CLASSES = ("QCD", "Hbb", "Tbl")


def two_taggers(n: int = 3000) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A tagger, and one that is worse on the same jets; scores are rounded, so that some are equal."""
    rng = np.random.default_rng(1)
    target = rng.integers(0, 3, n)
    logits = rng.normal(0, 1, (n, 3))
    logits[np.arange(n), target] += 1.5
    worse = logits + rng.normal(0, 0.3, (n, 3))
    scores = {}
    for name, values in {"good": logits, "worse": worse}.items():
        weights = np.exp(values)
        scores[name] = np.round(weights / weights.sum(axis=1, keepdims=True), 3)
    return scores, target


def test_values_are_those_of_each_tagger_alone():
    scores, target = two_taggers()
    result = paired(scores, target, CLASSES, "QCD", 0.5, resamples=40)
    parts = {}
    for name, part in scores.items():
        values = discriminant(part, 1, 0)
        parts[name] = (values[target == 1], values[target == 0])
        assert result[name].accuracy == pytest.approx(np.mean(part.argmax(axis=1) == target))
    difference = auc(*parts["worse"]) - auc(*parts["good"])
    assert result["worse"].auc_difference["Hbb"].value == pytest.approx(difference)
    ratio = rejection(*parts["worse"]).value / rejection(*parts["good"]).value
    assert result["worse"].rejection_ratio["Hbb"].value == pytest.approx(ratio)
    assert set(result["worse"].auc_difference) == {"Hbb", "Tbl"}


def test_the_interval_of_a_difference_knows_that_the_jets_are_the_same():
    scores, target = two_taggers()
    result = paired(scores, target, CLASSES, "QCD", 0.5)
    right = {name: part.argmax(axis=1) == target for name, part in scores.items()}
    low, high = result["worse"].accuracy_difference.interval
    expected = np.std(right["worse"].astype(float) - right["good"]) / np.sqrt(len(target))
    assert (high - low) / 2 == pytest.approx(expected, rel=0.25)
    alone = np.sqrt(2 * np.var(right["good"]) / len(target))
    assert (high - low) / 2 < 0.6 * alone
    assert low < result["worse"].accuracy_difference.value < high < 0


def test_the_first_differs_from_itself_by_nothing():
    scores, target = two_taggers(900)
    first = paired(scores, target, CLASSES, "QCD", 0.8, resamples=20)["good"]
    assert (first.accuracy_difference.value, first.accuracy_difference.interval) == (0, (0, 0))
    assert first.rejection_ratio["Hbb"].text(".2f") == "1.00 (1.00 to 1.00)"


def test_where_no_background_passes_there_is_no_ratio():
    target = np.repeat([0, 1], 30)
    scores = np.where(target[:, np.newaxis] == [0, 1, 2], 0.9, 0.05)
    result = paired({"a": scores, "b": scores}, target, CLASSES, "QCD", 0.5, resamples=10)
    assert result["b"].rejection_ratio == {}
    assert result["b"].auc_difference["Hbb"].value == 0
