"""The histograms of the analysis: by region, process and variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import hist
import numpy as np
import numpy.typing as npt

from hh4b_parts.boosted import BOOSTED_REGIONS
from hh4b_parts.resolved import RESOLVED_REGIONS

AXES = {
    "boosted/mass": (BOOSTED_REGIONS, hist.axis.Regular(20, 50, 250, name="value", label="Second jet's mass [GeV]")),
    "boosted/discriminant": (BOOSTED_REGIONS, hist.axis.Regular(50, 0, 1, name="value", label="Event discriminant")),
    "resolved/mass": (RESOLVED_REGIONS, hist.axis.Regular(30, 200, 1700, name="value", label="$m_{HH}$ [GeV]")),
}


class Histograms:
    """All histograms of one chunk, filled variation by variation.

    Parameters
    ----------
    process : str
        Name of the process in all of them.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        self.filled = {name: _histogram(regions, axis) for name, (regions, axis) in AXES.items()}

    def fill(
        self,
        category: str,
        region: npt.NDArray[np.str_],
        values: Mapping[str, npt.NDArray[np.float64]],
        weights: Mapping[str, npt.NDArray[np.float64]],
    ) -> None:
        """Fill every histogram of a category.

        Parameters
        ----------
        category : {"boosted", "resolved"}
            First part of the histograms' names.
        region : str [n_events]
            Region of each event.
        values : mapping of str to float64 [n_events]
            By the second part of the histograms' names.
        weights : mapping of str to float64 [n_events]
            By variation.
        """
        for name, value in values.items():
            histogram = self.filled[f"{category}/{name}"]
            inside = (
                np.minimum(value, histogram.axes["value"].edges[-1] * (1 - 1e-9)) if name == "discriminant" else value
            )
            for variation, weight in weights.items():
                histogram.fill(self.process, variation, region.tolist(), inside, weight=weight)

    def output(self) -> dict[str, dict[str, Any]]:
        """For the processor to return."""
        nested: dict[str, dict[str, Any]] = {}
        for name, histogram in self.filled.items():
            category, _, quantity = name.partition("/")
            nested.setdefault(category, {})[quantity] = histogram
        return nested


def _histogram(regions: Sequence[str], axis: Any) -> hist.Hist[Any]:
    return hist.Hist(
        hist.axis.StrCategory([], growth=True, name="process"),
        hist.axis.StrCategory([], growth=True, name="variation"),
        hist.axis.StrCategory(regions, name="region"),
        axis,
        storage=hist.storage.Weight(),
    )
