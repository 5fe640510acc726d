from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.errors import InputError
from coffea_fm.evaluation.classification import classification_metrics

CLASSES = ("Hbb", "QCD", "Tbqq")


def sample(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    logits = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[target]
    weights = np.exp(logits)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), target


def test_figures_are_those_of_scikit_learn():
    scores, target = sample()
    metrics = classification_metrics(scores, target, CLASSES)
    assert metrics.accuracy == pytest.approx(accuracy_score(target, scores.argmax(axis=1)))
    assert metrics.confusion == pytest.approx(confusion_matrix(target, scores.argmax(axis=1), normalize="true"))
    chosen = target != 2
    ratio = scores[chosen, 0] / (scores[chosen, 0] + scores[chosen, 1])
    assert metrics.against_background["Hbb"].auc == pytest.approx(roc_auc_score(target[chosen] == 0, ratio), abs=1e-5)
    assert set(metrics.against_background) == {"Hbb", "Tbqq"}


def test_accuracy_error_is_the_spread_of_repeated_experiments():
    many = [classification_metrics(*sample(200, seed), CLASSES) for seed in range(300)]
    spread = np.std([metrics.accuracy for metrics in many])
    assert np.mean([metrics.accuracy_error for metrics in many]) == pytest.approx(spread, rel=0.15)


def test_jets_without_a_score_are_counted_and_in_no_figure():
    scores, target = sample()
    without = classification_metrics(scores, target, CLASSES)
    lost = np.vstack([scores, np.full((5, 3), np.nan, np.float32)])
    metrics = classification_metrics(lost, np.r_[target, np.zeros(5, int)], CLASSES)
    assert metrics.unscored == 5
    assert metrics.jets == len(target)
    assert metrics.against_background == without.against_background


def test_a_class_without_jets_is_left_out():
    scores, target = sample()
    kept = target != 2
    metrics = classification_metrics(scores[kept], target[kept], CLASSES)
    assert set(metrics.against_background) == {"Hbb"}
    assert metrics.jets_by_class["Tbqq"] == 0
    assert (metrics.present, metrics.absent) == (["Hbb", "QCD"], ["Tbqq"])


def test_the_temperature_improves_scores_that_are_too_sure():
    scores, target = sample()
    sure = scores.astype(float) ** 3
    metrics = classification_metrics(sure / sure.sum(axis=1, keepdims=True), target, CLASSES)
    assert metrics.temperature > 2
    assert metrics.reliability_with_temperature.expected_error < 0.3 * metrics.reliability.expected_error


def test_discriminant_of_two_zeros_is_zero():
    scores = np.array([[0, 0, 1], [0.2, 0.6, 0.2]], np.float32)
    assert discriminant(scores, 0, 1) == pytest.approx([0, 0.25])


@pytest.mark.parametrize(
    ("scores", "target", "message"),
    [
        (np.ones((2, 2)), [0, 1], "do not fit"),
        (np.full((2, 3), np.nan), [0, 1], "nothing to evaluate"),
        (np.ones((2, 3)), [0, 3], "labels lie between"),
    ],
)
def test_wrong_input_is_refused(scores, target, message):
    with pytest.raises(InputError, match=message):
        classification_metrics(scores, np.array(target), CLASSES)


def test_unknown_background_is_refused():
    with pytest.raises(InputError, match="'qcd' is not among"):
        classification_metrics(np.ones((1, 3)), np.array([0]), CLASSES, background="qcd")
