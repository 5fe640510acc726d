"""Whether two sets of jets look alike to a tagger: a classifier two-sample test (arXiv:1610.06545) on the embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from coffea_fm.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from coffea_fm.evaluation.discrimination import auc
from coffea_fm.evaluation.embedding_map import standardised

MOST_JETS = 2000
"""Jets of each set that are compared: they show a difference in the AUC of about 0.02."""
FEWEST_JETS = 50
"""Jets that each set must have."""
FOLDS = 5
PERMUTATIONS = 99
_STRENGTH = 1e-2
_STEPS = 30


@dataclass(frozen=True)
class TwoSample:
    """How well a logistic regression tells two sets of jets apart by their embeddings.

    Parameters
    ----------
    selection : str
        Which jets: all, or those that pass a working point.
    jets : tuple of int
        Compared jets of each set.
    auc : float
        Of jets that the regression was not trained on, the mean of `FOLDS`: 0.5 if the sets are alike.
    interval : tuple of float
        68%, by Hanley and McNeil.
    p_value : float
        Probability of at least this AUC if the sets are alike, from `PERMUTATIONS` permutations of their labels, the
        regressions trained anew for each.
    """

    selection: str
    jets: tuple[int, int]
    auc: float
    interval: tuple[float, float]
    p_value: float


@dataclass(frozen=True)
class PointShift:
    """Efficiency of a working point for one class in two sets of jets, with 68% intervals; None without such jets."""

    working_point: str
    jets: str
    here: tuple[float, float, float] | None
    there: tuple[float, float, float] | None


@dataclass(frozen=True)
class Shift:
    """How far other data are from those of an evaluation.

    Parameters
    ----------
    data : str
        The other data.
    balanced : bool
        Whether the jets that are compared have the same fractions of each true class in both; not so where truth is
        missing, or they have no class in common.
    tests : list of TwoSample
        All jets, then those that pass the working point of each class; empty if the bundle gives no embedding.
    points : list of PointShift
        Of every working point.
    """

    data: str
    balanced: bool
    tests: list[TwoSample]
    points: list[PointShift]


def two_sample(here: FloatArray, there: FloatArray, selection: str = "all jets", *, seed: int = 0) -> TwoSample:
    """Test whether two sets of vectors are from one distribution.

    Parameters
    ----------
    here, there : float array of shape [n_jets, dim]
        Finite; at most `MOST_JETS` of each are drawn.
    selection : str
        What they are.
    seed : int
        Of the draw, the folds and the permutations.
    """
    rng = np.random.default_rng(seed)
    first, second = (part[rng.permutation(len(part))[:MOST_JETS]] for part in (here, there))
    vectors = standardised(np.concatenate([first, second]))
    vectors = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1)
    other = np.arange(len(vectors)) >= len(first)
    folds = rng.permutation(len(vectors)) % FOLDS
    value = _held_out(vectors, other, folds)
    beyond = sum(_held_out(vectors, rng.permutation(other), folds) >= value for _ in range(PERMUTATIONS))
    error = _hanley_mcneil(value, len(first), len(second))
    interval = (max(value - error, 0.0), min(value + error, 1.0))
    return TwoSample(selection, (len(first), len(second)), value, interval, (1 + beyond) / (1 + PERMUTATIONS))


def balanced_rows(here: IntArray, there: IntArray, *, seed: int = 0) -> tuple[IntArray, IntArray]:
    """Rows of two sets of jets such that both have as many of each true class; none without a class in common.

    Parameters
    ----------
    here, there : int array of shape [n_jets]
        True class; -1 where it is not known.
    seed : int
        Of the draw.
    """
    rng = np.random.default_rng(seed)
    rows: tuple[list[IntArray], list[IntArray]] = ([], [])
    for at in np.intersect1d(here[here >= 0], there[there >= 0]):
        found = [np.flatnonzero(target == at) for target in (here, there)]
        number = min(map(len, found))
        for kept, part in zip(rows, found, strict=True):
            kept.append(rng.permutation(part)[:number])
    first, second = (np.sort(np.concatenate([np.zeros(0, np.int64), *kept])) for kept in rows)
    return first, second


def _held_out(vectors: DoubleArray, other: BoolArray, folds: IntArray) -> float:
    """Mean AUC over the folds, each by a regression on the other folds."""
    values = []
    for fold in range(FOLDS):
        held = folds == fold
        scores = vectors[held] @ _regression(vectors[~held], other[~held])
        truth = other[held]
        if truth.any() and not truth.all():
            values.append(auc(scores[truth], scores[~truth]))
    return float(np.mean(values)) if values else 0.5


def _regression(vectors: DoubleArray, labels: BoolArray) -> DoubleArray:
    """Weights of a logistic regression with both sets counted alike."""
    share = np.where(labels, 0.5 / max(labels.sum(), 1), 0.5 / max((~labels).sum(), 1))

    def loss(weights: DoubleArray) -> tuple[float, DoubleArray]:
        logits = vectors @ weights
        value = share @ np.logaddexp(0, np.where(labels, -logits, logits)) + _STRENGTH / 2 * weights @ weights
        return float(value), vectors.T @ (share * (expit(logits) - labels)) + _STRENGTH * weights

    options = {"maxiter": _STEPS}
    result = minimize(loss, np.zeros(vectors.shape[1]), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(result.x, dtype=np.float64)


def _hanley_mcneil(value: float, first: int, second: int) -> float:
    one, two = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (second - 1) * (one - value**2) + (first - 1) * (two - value**2)
    return math.sqrt(max(variance, 0.0) / (first * second))
