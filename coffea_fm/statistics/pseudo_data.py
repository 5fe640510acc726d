"""Counts from weighted events that stand for data."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np

from coffea_fm.analysis.regions import DATA
from coffea_fm.errors import warn


def has_counts(histogram: hist.Hist[Any]) -> bool:
    """Whether there are data that were counted: whole numbers, where pseudo-data have weights."""
    if DATA not in histogram.axes[0]:
        return False
    content = histogram.values()[list(histogram.axes[0]).index(DATA)]
    return bool(content.any() and np.array_equal(content, np.round(content)))


def as_counts(histogram: hist.Hist[Any], seed: int) -> hist.Hist[Any]:
    """The histogram with whole numbers of data: those of pseudo-data are drawn from Poisson distributions.

    Data, which are counts already, stay as they are.

    Parameters
    ----------
    histogram : hist.Hist
        With the axes ``process``, ``variation``, ``region`` and ``value``, and weights.
    seed : int
        Of the draw.

    Warns
    -----
    InputWarning
        If the simulation behind the pseudo-data fluctuates more than data would: then pulls and limits show its
        fluctuations, too.
    """
    if DATA not in histogram.axes[0] or has_counts(histogram):
        return histogram
    counted = histogram.copy()
    place = list(histogram.axes[0]).index(DATA)
    view: Any = counted.view(flow=False)
    expected, variances = view.value[place].copy(), view.variance[place].copy()
    total, spread = float(expected.sum()), float(variances.sum())
    if spread > total:
        warn(
            f"the pseudo-data of {total:.4g} events come from {total**2 / spread:.4g} effective ones: their fluctuations "
            "are larger than those of data; fit them with a smaller --luminosity, or simulate more"
        )
    drawn = np.random.default_rng(seed).poisson(np.maximum(expected, 0))
    view.value[place], view.variance[place] = drawn, drawn
    return counted
