"""Closure test of the multijet prediction, on simulated events without signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.statistics.closure_toys import Regions, p_value
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.yields import Yields

TOYS = 4000


@dataclass(frozen=True)
class Closure:
    """Predicted and counted multijet events in one signal region.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Bin edges of the fit.
    predicted : Yields
        C times B / D, from the simulated control regions. The variances include only region C.
    common : float
        Relative error of B / D, which is fully correlated between the bins.
    counted : Yields
        Events in region A.
    correction : float
        Factor that multiplies the prediction from data.
    p_value : float
        p-value of the difference in shape and rate, from toys.
    """

    edges: DoubleArray
    predicted: Yields
    common: float
    counted: Yields
    correction: float
    p_value: float

    @property
    def ratio(self) -> float:
        """Ratio of counted to predicted events."""
        return self.counted.total / self.predicted.total

    @property
    def ratio_error(self) -> float:
        """Statistical error of the ratio, from all four regions. If no event was counted, the error of one event."""
        largest = np.sqrt(max(self.counted.variances.max(), self.predicted.variances.max()))
        counted = self.counted.total_error or float(largest)
        predicted = np.hypot(self.predicted.total_error, self.common * self.predicted.total)
        return float(np.hypot(counted, self.ratio * predicted) / self.predicted.total)

    @property
    def bin_errors(self) -> DoubleArray:
        """Error of the prediction in each bin; float64 [n_bins]. Correlated through `common`."""
        return np.sqrt(self.predicted.variances + (self.common * self.predicted.values) ** 2)

    @property
    def uncertainty(self) -> float:
        """Relative uncertainty of the prediction: the full correction, or its error if that is larger."""
        return max(self.correction - 1, 1 / self.correction - 1, self.ratio_error / self.correction)


def close(
    predictions: Mapping[str, Prediction], settings: FitSettings, *, toys: int = TOYS, seed: int = 0
) -> dict[str, Closure]:
    """Run the closure test of every category, on simulated multijet events only.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane. Their bins are used, but not their data.
    settings : FitSettings
        Settings with the name of the multijet process.
    toys, seed : int
        Number of toys and random seed, for the p-values.
    """
    found = {}
    for prediction in predictions.values():
        plane = prediction.plane
        for category, names in plane.categories.items():
            a, b, c, d = (
                prediction.yields(settings.multijet, region) for region in (names.A, names.B, plane.C, plane.D)
            )
            edges, correction = prediction.edges_of(names.A), prediction.correction[category]
            found[category] = closure_of(Regions(a, b, c, d), edges, correction, toys=toys, seed=seed)
    return found


def closure_of(regions: Regions, edges: DoubleArray, correction: float, *, toys: int = TOYS, seed: int = 0) -> Closure:
    """Run the closure test of four regions; see `Closure` and `close`."""
    a, b, c, d = regions
    common = float(np.hypot(b.total_error / b.total, d.total_error / d.total))
    chance = p_value(regions, toys, np.random.default_rng(seed))
    return Closure(edges, c.times(b.total / d.total), common, a, correction, chance)
