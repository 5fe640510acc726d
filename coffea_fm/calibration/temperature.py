"""Temperature scaling of scores."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from coffea_fm.arrays import DoubleArray, Scores, Targets

_RANGE = (0.05, 20.0)


def best_temperature(scores: Scores, target: Targets) -> float:
    """The maximum-likelihood temperature (arXiv:1706.04599), above 1 for an overconfident tagger.

    ``coffea-fm export --temperature`` divides the logits by it. Determine it on jets that are not in the test sample.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities, finite.
    target : int array of shape [n_jets]
        True class.
    """
    logits = logits_of(scores)
    jets = np.arange(len(target))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[jets, target].mean())

    bounds = tuple(np.log(_RANGE))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5}).x))


def with_temperature(scores: Scores, temperature: float) -> DoubleArray:
    """Scores after dividing the logits by `temperature`."""
    return np.asarray(softmax(logits_of(scores) / temperature, axis=1))


def logits_of(scores: Scores) -> DoubleArray:
    """Logarithms of scores, in float64; finite where a score is 0."""
    return np.log(np.maximum(scores.astype(np.float64), 1e-30))
