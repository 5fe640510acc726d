"""Expected or observed events per bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hist
import numpy as np

from coffea_fm.analysis.regions import AXES, NOMINAL
from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.errors import InputError


@dataclass(frozen=True)
class Yields:
    """Events per bin, with their statistical uncertainty.

    Parameters
    ----------
    values : float64 [n_bins]
        Sums of weights.
    variances : float64 [n_bins]
        Sums of squared weights.
    """

    values: DoubleArray
    variances: DoubleArray

    def __add__(self, other: Yields) -> Yields:
        return Yields(self.values + other.values, self.variances + other.variances)

    def __sub__(self, other: Yields) -> Yields:
        return Yields(self.values - other.values, self.variances + other.variances)

    def times(self, factor: float) -> Yields:
        """Multiply all weights by a factor."""
        return Yields(self.values * factor, self.variances * factor**2)

    def merged(self, first_bins: IntArray) -> Yields:
        """Merge bins; `first_bins` are the first bins of the merged ones."""
        return Yields(np.add.reduceat(self.values, first_bins), np.add.reduceat(self.variances, first_bins))

    @property
    def effective_events(self) -> DoubleArray:
        """Number of unweighted events with the same relative error; float64 [n_bins]."""
        positive = self.variances > 0
        return np.where(positive, self.values**2 / np.where(positive, self.variances, 1), 0.0)

    @property
    def total(self) -> float:
        """Sum over bins."""
        return float(self.values.sum())

    @property
    def total_error(self) -> float:
        """Statistical error of the sum."""
        return float(np.sqrt(self.variances.sum()))


class Filled:
    """A histogram by process, variation and region.

    Parameters
    ----------
    histogram : hist.Hist
        With the axes ``process``, ``variation``, ``region`` and ``value``, and weights.
    name : str
        Name for errors.

    Raises
    ------
    InputError
        If it has other axes, no weights, or a bin that is not finite.
    """

    def __init__(self, histogram: hist.Hist[Any], name: str) -> None:
        self.name = name
        axes = tuple(axis.name for axis in histogram.axes)
        values, variances = histogram.values(), histogram.variances()
        if axes != AXES or variances is None:
            raise InputError(
                f"the histogram {name!r} has the axes {', '.join(axes)}: it needs weights and the axes {', '.join(AXES)}"
            )
        self.content = {
            (process, variation, region): (process_index, variation_index, region_index)
            for process_index, process in enumerate(histogram.axes[0])
            for variation_index, variation in enumerate(histogram.axes[1])
            for region_index, region in enumerate(histogram.axes[2])
        }
        self.values, self.variances = np.asarray(values, np.float64), np.asarray(variances, np.float64)
        if not (np.isfinite(self.values).all() and np.isfinite(self.variances).all()):
            raise InputError(f"the histogram {name!r} has a bin that is not finite: check for NaN in the event weights")
        self.processes, self.variations, self.regions = (list(histogram.axes[name]) for name in AXES[:3])
        self.axis = histogram.axes["value"]
        self.edges = np.asarray(self.axis.edges, dtype=np.float64)

    def filled_variations(self, process: str) -> set[str]:
        """Variations filled for a process."""
        if process not in self.processes:
            return set()
        anything = self.values[self.processes.index(process)].any(axis=(1, 2))
        return {name for name, found in zip(self.variations, anything, strict=True) if found}

    def get(self, process: str, region: str, variation: str = NOMINAL) -> Yields:
        """Return the yields of a process; zero if it was never filled.

        Raises
        ------
        InputError
            If there is no such region.
        """
        if region not in self.regions:
            raise InputError(f"the histogram {self.name!r} has no region {region!r}: it has {', '.join(self.regions)}")
        place = self.content.get((process, variation, region))
        if place is None:
            return Yields(np.zeros(len(self.edges) - 1), np.zeros(len(self.edges) - 1))
        return Yields(self.values[place], self.variances[place])
