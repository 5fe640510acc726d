"""The likelihood as a pyhf workspace (HistFactory): one channel a region, data-driven multijet and all uncertainties.

In the signal region A the multijet events of bin i are ``C_i B / D`` times ``s_i``, ``r`` and ``1 + a x_i``. The free ``s_i`` are
common with region C, whose data measure them; the free ``r`` and the slope ``a`` (along ``x``, from -1 to 1 over the
distribution) are common with region B, where they multiply what region D measures. So statistical errors of the control
regions, and their correlation, are those of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.yields import DATA, Floats, Yields

POI = "mu"
LUMINOSITY = "luminosity"
_LEAST_EFFECT = 1e-3
_LARGEST_FACTOR = 10.0
Modifier = dict[str, Any]


@dataclass(frozen=True)
class _Builder:
    settings: FitSettings
    signal: str
    prediction: Prediction
    plane: str

    def samples(self, region: str, multijet: Mapping[str, Any], *, statistics: bool) -> list[dict[str, Any]]:
        """The samples of a region: signal, simulated backgrounds, multijet."""
        found = []
        for process in (self.signal, *self.settings.backgrounds):
            nominal = self.prediction.yields(process, region)
            if nominal.total <= 0:
                continue
            modifiers = [*self._rates(process), *self._systematics(process, region, nominal)]
            if statistics:
                errors = np.where(nominal.values > 0, np.sqrt(nominal.variances), 0).tolist()
                modifiers.append({"name": f"statistics_{self.plane}_{region}", "type": "staterror", "data": errors})
            found.append({"name": process, "data": np.maximum(nominal.values, 0).tolist(), "modifiers": modifiers})
        return [*found, dict(multijet)]

    def _rates(self, process: str) -> list[Modifier]:
        rates = [_normalisation(LUMINOSITY, 1 + self.settings.luminosity_uncertainty)]
        if process == self.signal:
            return [*rates, {"name": POI, "type": "normfactor", "data": None}]
        return [*rates, _normalisation(f"cross_section_{process}", 1 + self.settings.backgrounds[process])]

    def _systematics(self, process: str, region: str, nominal: Yields) -> list[Modifier]:
        """The signal's change in rate and shape; that of the backgrounds, of which there are few events, in rate."""
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

    def _varied(self, process: str, region: str, name: str, nominal: Yields) -> tuple[Floats, Floats]:
        known = self.prediction.filled.filled_variations(process)
        up_name = f"{name}_up" if f"{name}_up" in known else name
        if up_name not in known:
            return nominal.values, nominal.values
        up = self.prediction.yields(process, region, up_name).values
        down_name = f"{name}_down"
        if down_name in known:
            return up, self.prediction.yields(process, region, down_name).values
        return up, np.maximum(2 * nominal.values - up, 0)


def make_workspace(
    predictions: Mapping[str, Prediction],
    settings: FitSettings,
    signal: str,
    closure: Mapping[str, float],
    *,
    observe: bool,
) -> dict[str, Any]:
    """The workspace of a signal.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane.
    settings : FitSettings
        Processes and uncertainties.
    signal : str
        The process that mu = 1 is.
    closure : mapping of str to float
        Relative uncertainty of the prediction by category.
    observe : bool
        Data in the signal regions; without, what is expected without signal.

    Returns
    -------
    dict
        As pyhf and its JSON schema have it.
    """
    channels, observations = [], []
    for name, prediction in predictions.items():
        plane, builder = prediction.plane, _Builder(settings, signal, prediction, name)
        multijet = prediction.multijet
        spec = {
            plane.shape: _multijet(multijet[plane.shape].values, [_free_bins(f"{name}_{plane.shape}")]),
            plane.reference: _multijet(multijet[plane.reference].values, [_free_bins(f"{name}_{plane.reference}")]),
        }
        for category, regions in plane.categories.items():
            rate = prediction.transfer[category]
            for region, origin in ((regions.rate, plane.reference), (regions.signal, plane.shape)):
                values = multijet[origin].values * rate
                modifiers = [
                    _free_bins(f"{name}_{origin}"),
                    {"name": f"transfer_{category}", "type": "normfactor", "data": None},
                    _slope(f"transfer_slope_{category}", values, prediction, region, plane.slope),
                ]
                if region == regions.signal:
                    modifiers.append(_normalisation(f"closure_{category}", 1 + closure[category]))
                spec[region] = _multijet(values, modifiers)
        signal_regions = {regions.signal for regions in plane.categories.values()}
        for region, sample in spec.items():
            samples = builder.samples(region, sample, statistics=region in signal_regions)
            channels.append({"name": f"{name}_{region}", "samples": samples})
            if region not in signal_regions:
                data = prediction.seen[region].values
            elif observe:
                data = prediction.yields(DATA, region).values
            else:
                data = np.sum([entry["data"] for entry in samples if entry["name"] != signal], axis=0)
            observations.append({"name": f"{name}_{region}", "data": data.tolist()})
    measurement = {"name": signal, "config": {"poi": POI, "parameters": [{"name": POI, "bounds": [[0.0, 1e3]]}]}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def _multijet(values: Floats, modifiers: list[Modifier]) -> dict[str, Any]:
    return {"name": "multijet", "data": values.tolist(), "modifiers": modifiers}


def _free_bins(name: str) -> Modifier:
    return {"name": f"multijet_{name}", "type": "shapefactor", "data": None}


def _slope(name: str, values: Floats, prediction: Prediction, region: str, size: float) -> Modifier:
    edges = prediction.edges_of(region)
    middle, half = (edges[-1] + edges[0]) / 2, (edges[-1] - edges[0]) / 2
    change = size * ((edges[1:] + edges[:-1]) / 2 - middle) / half
    data = {"hi_data": (values * (1 + change)).tolist(), "lo_data": (values * (1 - change)).tolist()}
    return {"name": name, "type": "histosys", "data": data}


def _normalisation(name: str, factor: float) -> Modifier:
    return {"name": name, "type": "normsys", "data": {"hi": factor, "lo": 1 / factor}}


def _factor(ratio: float) -> float:
    return float(np.clip(ratio, 1 / _LARGEST_FACTOR, _LARGEST_FACTOR))
