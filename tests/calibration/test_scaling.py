from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from coffea_fm.calibration.scaling import best_vector, fit_scaling, scaled
from coffea_fm.errors import InputError

CLASSES = ("QCD", "Hbb", "Hcc")


def sample(weights=(1.0, 1.0, 1.0), biases=(0.0, 0.0, 0.0), n=20_000):
    """Scores whose true probabilities are a known function of them."""
    rng = np.random.default_rng(1)
    logits = np.log(rng.dirichlet([0.7, 0.7, 0.7], n))
    truth = softmax(np.asarray(weights) * logits + np.asarray(biases), axis=1)
    target = (truth.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return softmax(logits, axis=1), target, truth


def test_vector_scaling_finds_the_true_function_where_a_temperature_cannot():
    scores, target, truth = sample((0.5, 0.8, 1.1), (0.6, -0.5, -0.1))
    scaling = fit_scaling(scores, target, CLASSES)
    assert scaling.chosen == "vector"
    assert scaling.loss["vector"] < scaling.loss["temperature"] - 5 * scaling.gain_error["vector"] / 10
    np.testing.assert_allclose(scaling.weights, (0.5, 0.8, 1.1), atol=0.05)
    np.testing.assert_allclose(scaling.biases, (0.6, -0.5, -0.1), atol=0.06)
    assert np.abs(scaled(scores, scaling) - truth).mean() < 0.02
    assert (scaling.n_fitted, scaling.n_tested) == (10_000, 10_000)


def test_temperature_is_that_of_an_overconfident_tagger():
    scores, target, _ = sample((0.5, 0.5, 0.5))
    scaling = fit_scaling(scores, target, CLASSES)
    assert scaling.temperature == pytest.approx(2, abs=0.07)
    assert scaling.loss["temperature"] < scaling.loss["none"] - 5 * scaling.gain_error["temperature"]
    assert scaling.loss["vector"] == pytest.approx(scaling.loss["temperature"], abs=1e-3)


def test_a_class_with_too_few_jets_leaves_out_vector_scaling():
    scores, target, _ = sample(n=400)
    target = np.where(target == 2, 0, target)
    scaling = fit_scaling(scores, target, CLASSES)
    assert "vector" not in scaling.loss
    assert scaling.weights == ()
    with pytest.raises(InputError, match="cannot be calibrated on 60 jets"):
        fit_scaling(scores[:60], target[:60], CLASSES)


def test_the_fit_is_at_a_minimum():
    scores, target, _ = sample((0.5, 0.8, 1.1), (0.6, -0.5, -0.1), n=3000)
    weights, biases = best_vector(scores, target, 1.0)

    def loss(w, b):
        return -np.log(softmax(w * np.log(scores) + b, axis=1)[np.arange(len(target)), target]).mean()

    best = loss(weights, biases)
    for step in np.eye(3) * 0.02:
        assert min(loss(weights + step, biases), loss(weights - step, biases)) > best
        assert min(loss(weights, biases + step), loss(weights, biases - step)) > best
