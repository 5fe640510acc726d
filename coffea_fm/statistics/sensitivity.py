"""Numbers of signal and background events, and whether they are sufficient for asymptotic formulae."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coffea_fm.errors import InputError
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings

_LEAST_SIGNAL, _LEAST_BACKGROUND = 3.0, 5.0
_FLOOR = 1e-3


@dataclass(frozen=True)
class Sensitivity:
    """Events in the signal regions.

    Parameters
    ----------
    signal : float
        Events for mu = 1.
    background : float
        Effective background: a single bin with this background and all the signal is as sensitive as all bins together.
    two_sigma : float
        The mu at which the signal is two standard deviations of the Poisson fluctuations of the background, with at
        least one event in each bin: a first guess of the limit.
    """

    signal: float
    background: float
    two_sigma: float

    def remark(self, limit: float) -> str | None:
        """A warning sentence if asymptotic formulae do not hold.

        Parameters
        ----------
        limit : float
            The expected limit on mu.
        """
        events = limit * self.signal
        if events >= _LEAST_SIGNAL and self.background >= _LEAST_BACKGROUND:
            return None
        return (
            f"the expected limit is {events:.2g} signal events over {self.background:.2g} background events: asymptotic "
            f"formulae do not hold below about {_LEAST_SIGNAL:g} signal or {_LEAST_BACKGROUND:g} background events, and the "
            "limit may be too low (no experiment excludes fewer than 3 events); add luminosity or loosen the cuts"
        )


def sensitivity(predictions: Mapping[str, Prediction], settings: FitSettings, signal: str) -> Sensitivity:
    """Count the events of a signal and of the background below it.

    Raises
    ------
    InputError
        If there are no signal events in the signal regions.
    """
    total = 0.0
    significance = np.zeros(2)
    for prediction in predictions.values():
        for category, regions in prediction.plane.categories.items():
            expected = prediction.yields(signal, regions.A).values
            simulated = [prediction.yields(process, regions.A).values for process in settings.backgrounds]
            background = np.sum([prediction.predicted(category).values, *simulated], axis=0)
            total += float(expected.sum())
            significance += [np.sum(expected**2 / np.maximum(background, least)) for least in (_FLOOR, 1.0)]
    if significance[0] <= 0 or total <= 0:
        raise InputError(
            f"the signal {signal!r} has no events in the signal regions: was it processed, and do its cuts fit?"
        )
    return Sensitivity(total, float(total**2 / significance[0]), float(2 / np.sqrt(significance[1])))
