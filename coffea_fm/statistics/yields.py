"""Events expected or seen, by bin."""

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
    """Events by bin, with what is known of their statistics.

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
        """All weights multiplied."""
        return Yields(self.values * factor, self.variances * factor**2)

    def merged(self, first_bins: IntArray) -> Yields:
        """Bins added up; `first_bins` are those that a new one starts with."""
        return Yields(np.add.reduceat(self.values, first_bins), np.add.reduceat(self.variances, first_bins))

    @property
    def effective_events(self) -> DoubleArray:
        """Number of events of one weight that would have the same relative error; float64 [n_bins]."""
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
        For complaints.

    Raises
    ------
    InputError
        If it has other axes or no weights, or a bin is not finite.
    """

    def __init__(self, histogram: hist.Hist[Any], name: str) -> None:
        self.name = name
        axes = tuple(axis.name for axis in histogram.axes)
        values, variances = histogram.values(), histogram.variances()
        if axes != AXES or variances is None:
            raise InputError(
                f"the histogram {name!r} has the axes {', '.join(axes)}: weights by {', '.join(AXES)} are needed"
            )
        self.content = {
            (process, variation, region): (process_index, variation_index, region_index)
            for process_index, process in enumerate(histogram.axes[0])
            for variation_index, variation in enumerate(histogram.axes[1])
            for region_index, region in enumerate(histogram.axes[2])
        }
        self.values, self.variances = np.asarray(values, np.float64), np.asarray(variances, np.float64)
        if not (np.isfinite(self.values).all() and np.isfinite(self.variances).all()):
            raise InputError(
                f"the histogram {name!r} has a bin that is not a finite number: look for NaN among the weights"
            )
        self.processes, self.variations, self.regions = (list(histogram.axes[name]) for name in AXES[:3])
        self.axis = histogram.axes["value"]
        self.edges = np.asarray(self.axis.edges, dtype=np.float64)

    def filled_variations(self, process: str) -> set[str]:
        """Variations that a process was filled under."""
        if process not in self.processes:
            return set()
        anything = self.values[self.processes.index(process)].any(axis=(1, 2))
        return {name for name, found in zip(self.variations, anything, strict=True) if found}

    def get(self, process: str, region: str, variation: str = NOMINAL) -> Yields:
        """Yields of a process; nothing where it was never filled.

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
