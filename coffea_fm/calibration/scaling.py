"""Temperature and vector scaling of scores, and which of them is better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from coffea_fm.arrays import BoolArray, DoubleArray, Scores, Targets
from coffea_fm.bundle import ScoreScaling
from coffea_fm.calibration.temperature import best_temperature, logits_of
from coffea_fm.errors import InputError

FEWEST_JETS = 50
"""Vector scaling is fitted only if there are this many jets of each class."""


def halves(jets: int) -> tuple[BoolArray, BoolArray]:
    """Two random halves, the same in every run."""
    first = np.random.default_rng(0).permutation(jets) % 2 == 0
    return first, ~first


def fit_scaling(scores: Scores, target: Targets, classes: Sequence[str]) -> ScoreScaling:
    """Fit temperature and vector scaling on one half of the jets, and compare them on the other.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities, finite.
    target : int array of shape [n_jets]
        True class.
    classes : sequence of str
        Names of the columns.

    Raises
    ------
    InputError
        If there are too few jets.
    """
    if len(target) < 2 * FEWEST_JETS:
        raise InputError(f"the scores cannot be calibrated on {len(target)} jets: give at least {2 * FEWEST_JETS}")
    fitted, tested = halves(len(target))
    temperature = best_temperature(scores[fitted], target[fitted])
    number = len(classes)
    ways = {
        "none": (np.ones(number), np.zeros(number)),
        "temperature": (np.ones(number) / temperature, np.zeros(number)),
    }
    if np.bincount(target[fitted], minlength=number).min() >= FEWEST_JETS:
        ways["vector"] = best_vector(scores[fitted], target[fitted], temperature)
    losses = {name: _losses(scores[tested], target[tested], *way) for name, way in ways.items()}
    loss = {name: float(each.mean()) for name, each in losses.items()}
    errors = {
        name: float((each - losses["none"]).std() / np.sqrt(len(each)))
        for name, each in losses.items()
        if name != "none"
    }
    weights, biases = ways.get("vector", (np.zeros(0), np.zeros(0)))
    return ScoreScaling.model_validate(
        {
            "classes": tuple(classes),
            "temperature": temperature,
            "weights": tuple(weights.tolist()),
            "biases": tuple(biases.tolist()),
            "chosen": min(loss, key=lambda name: loss[name]),
            "loss": loss,
            "gain_error": errors,
            "n_fitted": int(fitted.sum()),
            "n_tested": int(tested.sum()),
        }
    )


def best_vector(scores: Scores, target: Targets, temperature: float) -> tuple[DoubleArray, DoubleArray]:
    """Maximum-likelihood weight and bias of each class (vector scaling, arXiv:1706.04599).

    The loss is convex, and its gradient is exact. The biases add up to zero, because only their differences matter.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities, finite.
    target : int array of shape [n_jets]
        True class.
    temperature : float
        Where the fit starts.
    """
    logits = logits_of(scores)
    jets, number = logits.shape
    true = np.zeros_like(logits)
    true[np.arange(jets), target] = 1

    def loss(parameters: DoubleArray) -> tuple[float, DoubleArray]:
        scaled = parameters[:number] * logits + parameters[number:]
        residual = (softmax(scaled, axis=1) - true) / jets
        value = -log_softmax(scaled, axis=1)[np.arange(jets), target].mean()
        return float(value), np.concatenate([(residual * logits).sum(axis=0), residual.sum(axis=0)])

    start = np.concatenate([np.full(number, 1 / temperature), np.zeros(number)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return found[:number], found[number:] - found[number:].mean()


def scaled(scores: Scores, scaling: ScoreScaling) -> DoubleArray:
    """Calibrated scores, by the way that was chosen; rows of NaN stay NaN."""
    weights, biases = scaling.parameters()
    return np.asarray(softmax(np.asarray(weights) * logits_of(scores) + np.asarray(biases), axis=1))


def _losses(scores: Scores, target: Targets, weights: DoubleArray, biases: DoubleArray) -> DoubleArray:
    return np.asarray(-log_softmax(weights * logits_of(scores) + biases, axis=1)[np.arange(len(target)), target])
