"""Closure of the multijet prediction: simulated events without signal, predicted against counted."""

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
    """Multijet events in one signal region.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Of the bins of the fit.
    predicted : Yields
        C times B / D, from the simulated control regions; its variances are those of region C.
    common : float
        Relative error of B / D, which moves all bins together.
    counted : Yields
        Region A itself.
    correction : float
        What a prediction from data is multiplied by.
    p_value : float
        Of the difference between the two in shape and rate, from toys.
    """

    edges: DoubleArray
    predicted: Yields
    common: float
    counted: Yields
    correction: float
    p_value: float

    @property
    def ratio(self) -> float:
        """Counted events over predicted ones."""
        return self.counted.total / self.predicted.total

    @property
    def ratio_error(self) -> float:
        """Statistical error of the ratio, from all four regions; of one event where none was counted."""
        largest = np.sqrt(max(self.counted.variances.max(), self.predicted.variances.max()))
        counted = self.counted.total_error or float(largest)
        predicted = np.hypot(self.predicted.total_error, self.common * self.predicted.total)
        return float(np.hypot(counted, self.ratio * predicted) / self.predicted.total)

    @property
    def bin_errors(self) -> DoubleArray:
        """Error of the prediction in each bin; float64 [n_bins]. They are correlated by `common`."""
        return np.sqrt(self.predicted.variances + (self.common * self.predicted.values) ** 2)

    @property
    def uncertainty(self) -> float:
        """Relative uncertainty that the test leaves: all of the correction, or its error where that is larger."""
        return max(self.correction - 1, 1 / self.correction - 1, self.ratio_error / self.correction)


def close(
    predictions: Mapping[str, Prediction], settings: FitSettings, *, toys: int = TOYS, seed: int = 0
) -> dict[str, Closure]:
    """The closure test of every category, on simulated multijet events alone.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane; their bins are used, and nothing of data.
    settings : FitSettings
        The name of the multijet process.
    toys, seed : int
        Of the p-values.
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
    """The closure test of four regions; see `Closure` and `close`."""
    a, b, c, d = regions
    common = float(np.hypot(b.total_error / b.total, d.total_error / d.total))
    chance = p_value(regions, toys, np.random.default_rng(seed))
    return Closure(edges, c.times(b.total / d.total), common, a, correction, chance)
