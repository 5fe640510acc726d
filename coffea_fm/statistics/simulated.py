"""Simulated samples of a channel with their systematic uncertainties, in pyhf's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import warn
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.yields import Yields

POI, LUMINOSITY = "mu", "luminosity"
Modifier = dict[str, Any]
_LEAST_EFFECT = 1e-3
_LARGEST_FACTOR = 10.0


@dataclass(frozen=True)
class Simulated:
    """Signal and simulated backgrounds in the regions of one plane.

    Parameters
    ----------
    settings : FitSettings
        Processes and uncertainties.
    signal : str
        The process with mu = 1.
    prediction : Prediction
        Multijet prediction, with its histogram and bins.
    plane : str
        Name of the plane, for parameter names.
    """

    settings: FitSettings
    signal: str
    prediction: Prediction
    plane: str

    def samples(self, region: str, *, statistics: bool) -> list[dict[str, Any]]:
        """The samples of a region, without empty ones.

        Parameters
        ----------
        region : str
            Name of the region in the histogram.
        statistics : bool
            Include a parameter for the statistical error of each bin.
        """
        found = []
        for process in (self.signal, *self.settings.backgrounds):
            nominal = self.prediction.yields(process, region)
            if np.any(nominal.values < 0):
                _warn_of_negative(process, region, nominal)
            nominal = Yields(np.maximum(nominal.values, 0), nominal.variances)
            if not nominal.values.any():
                continue
            modifiers = [*self._rates(process), *self._systematics(process, region, nominal)]
            if statistics:
                errors = np.where(nominal.values > 0, np.sqrt(nominal.variances), 0).tolist()
                modifiers.append({"name": f"statistics_{self.plane}_{region}", "type": "staterror", "data": errors})
            found.append({"name": process, "data": nominal.values.tolist(), "modifiers": modifiers})
        return found

    def _rates(self, process: str) -> list[Modifier]:
        rates = [normalisation(LUMINOSITY, 1 + self.settings.luminosity_uncertainty)]
        if process == self.signal:
            return [*rates, {"name": POI, "type": "normfactor", "data": None}]
        return [*rates, normalisation(f"cross_section_{process}", 1 + self.settings.backgrounds[process])]

    def _systematics(self, process: str, region: str, nominal: Yields) -> list[Modifier]:
        """Variations in rate and shape for the signal; in rate only for backgrounds, which have few events."""
        modifiers = []
        for name in self.settings.systematics:
            up, down = self._varied(process, region, name, nominal)
            shapes = process == self.signal
            changes = [shifted - nominal.values for shifted in (up, down)]
            effects = [np.abs(change).sum() if shapes else abs(change.sum()) for change in changes]
            if max(effects) < _LEAST_EFFECT * nominal.total:
                continue
            if shapes:
                data: Any = {"hi_data": up.tolist(), "lo_data": down.tolist()}
                modifiers.append({"name": name, "type": "histosys", "data": data})
            else:
                high, low = (_factor(shifted.sum() / nominal.total) for shifted in (up, down))
                modifiers.append({"name": name, "type": "normsys", "data": {"hi": high, "lo": low}})
        return modifiers

    def _varied(self, process: str, region: str, name: str, nominal: Yields) -> tuple[DoubleArray, DoubleArray]:
        known = self.prediction.filled.filled_variations(process)
        up_name = f"{name}_up" if f"{name}_up" in known else name
        if up_name not in known:
            return nominal.values, nominal.values
        up = np.maximum(self.prediction.yields(process, region, up_name).values, 0)
        down_name = f"{name}_down"
        if down_name in known:
            return up, np.maximum(self.prediction.yields(process, region, down_name).values, 0)
        return up, np.maximum(2 * nominal.values - up, 0)


def normalisation(name: str, factor: float) -> Modifier:
    """A factor with a log-normal uncertainty."""
    return {"name": name, "type": "normsys", "data": {"hi": factor, "lo": 1 / factor}}


def _factor(ratio: float) -> float:
    return float(np.clip(ratio, 1 / _LARGEST_FACTOR, _LARGEST_FACTOR))


def _warn_of_negative(process: str, region: str, nominal: Yields) -> None:
    negative = nominal.values < 0
    warn(
        f"{process} has {int(negative.sum())} bins with a negative sum of weights in region {region!r}, "
        f"{nominal.values[negative].sum():.3g} of {nominal.total:.3g} events: they are treated as empty; simulate more"
    )
