"""Separation of signal and background by a discriminant: AUC, ROC curve, and background rejection with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hist import BaseHist

from coffea_fm.arrays import DoubleArray, Floats
from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.errors import InputError


@dataclass(frozen=True)
class Rejection:
    """Background rejection of a cut at a given signal efficiency.

    Parameters
    ----------
    cut : float
        Jets pass if their discriminant is at least this.
    signal_efficiency, background_efficiency : float
        Fractions of jets that pass.
    value : float or None
        One over the background efficiency; None if no background jet passes.
    interval : tuple of float or None
        Interval of the value at 68% confidence. It combines, in quadrature of the logarithms, the Clopper-Pearson
        interval of the background efficiency and the uncertainty of the cut from the finite signal sample.
    lower_limit : float
        Lower limit on the rejection at 95% confidence, only used if no background jet passes.
    """

    cut: float
    signal_efficiency: float
    background_efficiency: float
    value: float | None
    interval: tuple[float, float] | None
    lower_limit: float


@dataclass(frozen=True)
class Roc:
    """The ROC curve of one discriminant.

    Parameters
    ----------
    cuts, signal_efficiency, background_efficiency : float64 array of shape [n]
        Fractions of jets that pass each cut, from the tightest to the loosest.
    n_signal, n_background : float
        Numbers of jets, for statistical errors; effective numbers for weighted jets.
    """

    cuts: DoubleArray
    signal_efficiency: DoubleArray
    background_efficiency: DoubleArray
    n_signal: float
    n_background: float


def auc(signal: Floats, background: Floats) -> float:
    """Area under the ROC curve: the probability that a signal jet scores above a background jet; ties count half.

    Parameters
    ----------
    signal, background : float array of shape [n]
        Discriminants.
    """
    _refuse_empty(signal, background)
    ordered = np.sort(background)
    below = np.searchsorted(ordered, signal, side="left")
    not_above = np.searchsorted(ordered, signal, side="right")
    return float((below + not_above).sum(dtype=np.float64) / 2 / len(signal) / len(background))


def roc(signal: Floats, background: Floats) -> Roc:
    """Compute the ROC curve, with a cut at each signal jet.

    Parameters
    ----------
    signal, background : float array of shape [n]
        Discriminants.
    """
    _refuse_empty(signal, background)
    cuts = np.sort(signal)[::-1].astype(np.float64)
    return Roc(cuts, _pass(signal, cuts), _pass(background, cuts), len(signal), len(background))


def roc_of_histograms(signal: BaseHist[Any], background: BaseHist[Any]) -> Roc:
    """Compute the ROC curve from two, possibly weighted, histograms of the discriminant, with a cut at each edge.

    Raises
    ------
    InputError
        If the sum of either is not positive.
    """
    passing, effective = [], []
    for histogram in (signal, background):
        values, variances = histogram.values(flow=True), histogram.variances(flow=True)
        if not values.sum() > 0:
            raise InputError("a ROC curve needs signal and background jets, but one of the histograms is empty")
        passing.append(np.cumsum(values[:0:-1]) / values.sum())
        effective.append(float(values.sum() ** 2 / (values if variances is None else variances).sum()))
    return Roc(signal.axes[0].edges[::-1].astype(np.float64), *passing, *effective)


def area_under(curve: Roc) -> float:
    """Area under a ROC curve; jets between two cuts count half, like ties."""
    background = np.concatenate([[0.0], curve.background_efficiency, [1.0]])
    return float(np.trapezoid(np.concatenate([[0.0], curve.signal_efficiency, [1.0]]), background))


def rejection(signal: Floats, background: Floats, efficiency: float = 0.5) -> Rejection:
    """Background rejection at a signal efficiency.

    Parameters
    ----------
    signal, background : float array of shape [n]
        Discriminants.
    efficiency : float
        Target signal efficiency; the cut is the tightest that reaches it.
    """
    _refuse_empty(signal, background)
    n_signal, n_background = len(signal), len(background)
    ordered = np.sort(signal)[::-1]
    spread = math.sqrt(efficiency * (1 - efficiency) / n_signal)
    wanted = np.clip([efficiency, efficiency - spread, efficiency + spread], 0, 1)
    cuts = ordered[np.clip(np.ceil(wanted * n_signal).astype(int) - 1, 0, n_signal - 1)]
    nominal, tighter, looser = _pass(background, cuts)
    value = interval = None
    if nominal > 0:
        low, high = efficiency_interval(nominal * n_background, n_background)
        from_cut = (looser - tighter) / 2 / nominal
        value = float(1 / nominal)
        interval = (
            max(value * math.exp(-math.hypot(math.log(high / nominal), from_cut)), 1.0),
            value * math.exp(math.hypot(math.log(nominal / low), from_cut)),
        )
    return Rejection(
        cut=float(cuts[0]),
        signal_efficiency=float(np.mean(signal >= cuts[0])),
        background_efficiency=float(nominal),
        value=value,
        interval=interval,
        lower_limit=1 / (1 - 0.05 ** (1 / n_background)),
    )


def _pass(values: Floats, cuts: Floats) -> npt.NDArray[np.float64]:
    """Fraction of `values` at or above each cut."""
    return (len(values) - np.searchsorted(np.sort(values), cuts, side="left")) / len(values)


def _refuse_empty(signal: Floats, background: Floats) -> None:
    if len(signal) == 0 or len(background) == 0:
        raise InputError(f"separation needs signal and background jets: there are {len(signal)} and {len(background)}")
    if not (np.isfinite(signal).all() and np.isfinite(background).all()):
        raise InputError("separation needs finite discriminants: remove jets that score NaN")
