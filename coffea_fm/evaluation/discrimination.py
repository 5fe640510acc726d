"""How well one number separates signal from background: AUC, efficiencies, rejection with its statistical error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Rejection:
    """What a cut at a given signal efficiency does to the background.

    Parameters
    ----------
    cut : float
        Jets pass with a discriminant of at least this.
    signal_efficiency, background_efficiency : float
        Fractions that pass.
    value : float or None
        One over the background efficiency; None if no background jet passes.
    error : float or None
        Its standard deviation: the binomial one of the background that passes, and in quadrature what the finite
        signal sample's uncertainty of the cut makes of it.
    lower_limit : float
        At 95% confidence, only used where no background jet passes: rejection is above this.
    """

    cut: float
    signal_efficiency: float
    background_efficiency: float
    value: float | None
    error: float | None
    lower_limit: float


def auc(signal: Floats, background: Floats) -> float:
    """Area under the ROC curve: the probability that a signal jet scores above a background jet, ties counted half.

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


def efficiencies(signal: Floats, background: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The ROC curve.

    Returns
    -------
    signal_efficiency, background_efficiency : float64 array of shape [n_signal]
        Fractions that pass when the cut stands at each signal jet, from the tightest cut to the loosest.
    """
    _refuse_empty(signal, background)
    cuts = np.sort(signal)[::-1]
    passing = len(signal) - np.searchsorted(np.sort(signal), cuts, side="left")
    return passing / len(signal), _pass(background, cuts)


def rejection(signal: Floats, background: Floats, efficiency: float = 0.5) -> Rejection:
    """Background rejection at a signal efficiency.

    Parameters
    ----------
    signal, background : float array of shape [n]
        Discriminants.
    efficiency : float
        Wanted signal efficiency; the cut is the tightest that reaches it.
    """
    _refuse_empty(signal, background)
    n_signal, n_background = len(signal), len(background)
    ordered = np.sort(signal)[::-1]
    spread = math.sqrt(efficiency * (1 - efficiency) / n_signal)
    wanted = np.clip([efficiency, efficiency - spread, efficiency + spread], 0, 1)
    cuts = ordered[np.clip(np.ceil(wanted * n_signal).astype(int) - 1, 0, n_signal - 1)]
    nominal, tighter, looser = _pass(background, cuts)
    value = error = None
    if nominal > 0:
        background_error = math.sqrt(nominal * (1 - nominal) / n_background)
        value = 1 / nominal
        error = math.hypot(background_error, (looser - tighter) / 2) / nominal**2
    return Rejection(
        cut=float(cuts[0]),
        signal_efficiency=float(np.mean(signal >= cuts[0])),
        background_efficiency=float(nominal),
        value=None if value is None else float(value),
        error=None if error is None else float(error),
        lower_limit=n_background / -math.log(0.05),
    )


def _pass(values: Floats, cuts: Floats) -> npt.NDArray[np.float64]:
    """Fraction of `values` at or above each cut."""
    return (len(values) - np.searchsorted(np.sort(values), cuts, side="left")) / len(values)


def _refuse_empty(signal: Floats, background: Floats) -> None:
    if len(signal) == 0 or len(background) == 0:
        raise InputError(f"separation needs signal and background jets: there are {len(signal)} and {len(background)}")
    if not (np.isfinite(signal).all() and np.isfinite(background).all()):
        raise InputError("separation needs finite discriminants: leave out jets that score NaN")
