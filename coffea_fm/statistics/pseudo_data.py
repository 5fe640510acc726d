"""Draw counts for pseudo-data, which are weighted events used as data."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np

from coffea_fm.analysis.regions import DATA
from coffea_fm.errors import warn


def has_counts(histogram: hist.Hist[Any]) -> bool:
    """Whether the data are counts, i.e. whole numbers; pseudo-data have weights."""
    if DATA not in histogram.axes[0]:
        return False
    content = histogram.values()[list(histogram.axes[0]).index(DATA)]
    return bool(content.any() and np.array_equal(content, np.round(content)))


def as_counts(histogram: hist.Hist[Any], seed: int) -> hist.Hist[Any]:
    """Replace pseudo-data in a histogram by counts drawn from Poisson distributions.

    Real data, which are already counts, are unchanged.

    Parameters
    ----------
    histogram : hist.Hist
        With the axes ``process``, ``variation``, ``region`` and ``value``, and weights.
    seed : int
        Random seed.

    Warns
    -----
    InputWarning
        If the simulation behind the pseudo-data fluctuates more than data would. Pulls and limits then also show
        the fluctuations of the simulation.
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
            f"the pseudo-data of {total:.4g} events have {total**2 / spread:.4g} effective ones: their fluctuations "
            "are larger than those of data; use a smaller --luminosity, or simulate more"
        )
    drawn = np.random.default_rng(seed).poisson(np.maximum(expected, 0))
    view.value[place], view.variance[place] = drawn, drawn
    return counted
