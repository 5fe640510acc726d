"""Differences between taggers on the same jets, with intervals that know that the jets are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from coffea_fm.arrays import BoolArray, DoubleArray, IntArray, Scores
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.intervals import LEVEL

RESAMPLES = 200
_FEWEST = 10
"""Background jets that must pass for a ratio of rejections: resamples of fewer say nothing."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 68% interval."""

    value: float
    interval: tuple[float, float]

    def text(self, style: str) -> str:
        """``0.12 (0.10 to 0.14)``, each number in this format."""
        low, high = self.interval
        return f"{self.value:{style}} ({low:{style}} to {high:{style}})"


@dataclass(frozen=True)
class Paired:
    """One tagger against the first.

    Parameters
    ----------
    accuracy : float
        Fraction of jets with the highest score on the true class, among the classes that all taggers have.
    accuracy_difference : Estimate
        Accuracy minus that of the first tagger.
    auc_difference : dict of str to Estimate
        By signal class: AUC minus that of the first.
    rejection_ratio : dict of str to Estimate
        By signal class: background rejection over that of the first; without classes where it is not measured.
    """

    accuracy: float
    accuracy_difference: Estimate
    auc_difference: dict[str, Estimate] = field(default_factory=dict)
    rejection_ratio: dict[str, Estimate] = field(default_factory=dict)


def paired(
    scores: Mapping[str, Scores],
    target: IntArray,
    classes: tuple[str, ...],
    background: str,
    efficiency: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Paired]:
    """Compare taggers by a paired bootstrap: every resample takes the same jets for all of them.

    Jets get Poisson weights of mean 1, which for many jets is drawing with replacement.

    Parameters
    ----------
    scores : mapping of str to float array of shape [n_jets, n_classes]
        By tagger, at least two; finite, and with the same `classes` as columns.
    target : int array of shape [n_jets]
        True class.
    classes : tuple of str
        Names of the columns.
    background : str
        The class that the others are separated from.
    efficiency : float
        Signal efficiency at which the rejection is taken.
    resamples : int
        How many.
    seed : int
        Of the weights.

    Returns
    -------
    dict of str to Paired
        By tagger; the differences of the first are 0.
    """
    right = np.stack([part.argmax(axis=1) == target for part in scores.values()]).astype(np.float64)
    column = classes.index(background)
    signals = [
        (at, name)
        for at, name in enumerate(classes)
        if at != column and (target == at).any() and (target == column).any()
    ]
    curves = {
        name: [_Sorted.of(part, target, at, column, efficiency) for part in scores.values()] for at, name in signals
    }
    rng = np.random.default_rng(seed)
    accuracy = np.empty((resamples + 1, len(scores)))
    measured = {name: np.empty((resamples + 1, len(scores), 2)) for name in curves}
    for at in range(resamples + 1):  # the first is the sample itself
        weights = rng.poisson(1.0, len(target)).astype(np.float64) if at else np.ones(len(target))
        accuracy[at] = right @ weights / max(weights.sum(), 1.0)
        for name, taggers in curves.items():
            measured[name][at] = [tagger.measure(weights) for tagger in taggers]
    return {
        tagger: Paired(
            float(accuracy[0, index]),
            _estimate(accuracy[:, index] - accuracy[:, 0]),
            {name: _estimate(values[:, index, 0] - values[:, 0, 0]) for name, values in measured.items()},
            _ratios(measured, index, int((target == column).sum())),
        )
        for index, tagger in enumerate(scores)
    }


@dataclass(frozen=True)
class _Sorted:
    """Jets of signal and background in falling order of one discriminant; sorted once for all weights."""

    rows: IntArray
    signal: BoolArray
    ends: IntArray
    efficiency: float

    @classmethod
    def of(cls, scores: Scores, target: IntArray, at: int, column: int, efficiency: float) -> _Sorted:
        chosen = np.flatnonzero((target == at) | (target == column))
        values = discriminant(scores[chosen], at, column)
        order = np.argsort(-values, kind="stable")
        rows, values = chosen[order], values[order]
        ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # jets with equal values pass together
        return cls(rows, target[rows] == at, ends, efficiency)

    def measure(self, weights: DoubleArray) -> tuple[float, float]:
        """AUC, and the background efficiency at the signal efficiency."""
        own = weights[self.rows]
        signal = np.cumsum(own * self.signal)[self.ends]
        background = np.cumsum(own * ~self.signal)[self.ends]
        if not (signal[-1] > 0 and background[-1] > 0):
            return np.nan, np.nan
        signal, background = signal / signal[-1], background / background[-1]
        area = np.trapezoid(np.append(0.0, signal), np.append(0.0, background))
        passing = min(int(np.searchsorted(signal, self.efficiency - 1e-12)), len(signal) - 1)
        return float(area), float(background[passing])


def _ratios(measured: Mapping[str, DoubleArray], index: int, n_background: int) -> dict[str, Estimate]:
    """Ratios of rejections, where enough background passes both cuts."""
    ratios = {}
    for name, values in measured.items():
        own, first = values[:, index, 1], values[:, 0, 1]
        if min(own[0], first[0]) * n_background >= _FEWEST - 1e-6:
            ratios[name] = _estimate(np.divide(first, own, out=np.full(len(own), np.nan), where=own > 0))
    return ratios


def _estimate(values: DoubleArray) -> Estimate:
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.nanquantile(values[1:], tails, method="nearest")
    return Estimate(float(values[0]), (float(low), float(high)))
