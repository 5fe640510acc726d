"""Confidence intervals of efficiencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from coffea_fm.arrays import DoubleArray

LEVEL = 0.683
"""Default confidence level of intervals."""


def efficiency_interval(
    passed: npt.ArrayLike, total: npt.ArrayLike, level: float = LEVEL
) -> tuple[DoubleArray, DoubleArray]:
    """Clopper-Pearson interval of an efficiency, which has full coverage for any numbers.

    Parameters
    ----------
    passed, total : array-like of shape [n]
        Numbers of jets; effective numbers for weighted jets.
    level : float
        Confidence level.

    Returns
    -------
    low, high : float64 array of shape [n]
        0 and the upper limit if none pass; the lower limit and 1 if all pass.
    """
    k, n = np.asarray(passed, dtype=np.float64), np.asarray(total, dtype=np.float64)
    tail = (1 - level) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1e-9), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1e-9), 1 - tail), 1.0)
    return low, high
