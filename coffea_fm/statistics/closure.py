"""Closure of the multijet prediction: simulated events without signal, predicted against counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.yields import Floats, Yields


@dataclass(frozen=True)
class Closure:
    """Multijet events in one signal region.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Of the bins of the fit.
    predicted, counted : Yields
        From the simulated control regions, and in the signal region itself.
    correction : float
        What a prediction from data is multiplied by.
    """

    edges: Floats
    predicted: Yields
    counted: Yields
    correction: float

    @property
    def ratio(self) -> float:
        """Counted events over predicted ones."""
        return self.counted.total / self.predicted.total

    @property
    def ratio_error(self) -> float:
        """Statistical error of the ratio; of one event where none was counted."""
        largest = max(float(np.sqrt(self.counted.variances.max())), np.sqrt(self.predicted.variances.max()))
        counted = self.counted.total_error or largest
        return float(np.hypot(counted, self.ratio * self.predicted.total_error) / self.predicted.total)

    @property
    def uncertainty(self) -> float:
        """Relative uncertainty that the test leaves: all of the correction, or its error where that is larger."""
        return max(self.correction - 1, 1 / self.correction - 1, self.ratio_error / self.correction)

    @property
    def p_value(self) -> float:
        """Of the difference of the shapes and rates, by its chi-squared with the statistical errors of both."""
        variances = self.predicted.variances + self.counted.variances
        pulls = (self.counted.values - self.predicted.values)[variances > 0] / np.sqrt(variances[variances > 0])
        return float(chi2.sf(np.sum(pulls**2), max(len(pulls), 1)))


def close(predictions: Mapping[str, Prediction], settings: FitSettings) -> dict[str, Closure]:
    """The closure test of every category, on simulated multijet events alone.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane; their bins are used, and nothing of data.
    settings : FitSettings
        The name of the multijet process.
    """
    found = {}
    for prediction in predictions.values():
        plane = prediction.plane
        shape, reference = (prediction.yields(settings.multijet, region) for region in (plane.shape, plane.reference))
        for category, regions in plane.categories.items():
            rate = prediction.yields(settings.multijet, regions.rate)
            transfer = rate.total / reference.total
            common = np.hypot(rate.total_error / rate.total, reference.total_error / reference.total)
            predicted = shape.times(transfer)
            predicted = Yields(predicted.values, predicted.variances + (predicted.values * common) ** 2)
            counted = prediction.yields(settings.multijet, regions.signal)
            found[category] = Closure(
                prediction.edges_of(regions.signal), predicted, counted, prediction.correction[category]
            )
    return found
