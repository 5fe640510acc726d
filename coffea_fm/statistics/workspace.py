"""The likelihood as a pyhf workspace (HistFactory): one channel per region, data-driven multijet and all uncertainties.

In the signal region A, the multijet events of bin i are ``k C_i B / D`` times ``s_i``, ``r`` and ``1 + a x_i``, with the
correction ``k`` of the closure test. The free parameters ``s_i`` are shared with region C, whose data constrain them. The
free ``r`` and the slope ``a`` (along ``x``, from -1 to 1 over the distribution) are shared with region B, where they
multiply the measurement of region D. The fit therefore includes the statistical errors of the control regions and their
correlation. A normalisation and a slope of A alone cover what B and D cannot constrain. The statistical errors of the
simulation have one parameter for each bin of A and B; in C and D they are absorbed by the free multijet bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from coffea_fm.analysis.regions import DATA
from coffea_fm.arrays import DoubleArray
from coffea_fm.statistics.closure import Closure
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.sensitivity import sensitivity
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.simulated import POI, Modifier, Simulated, normalisation

_TIMES_SENSITIVITY = 1e4


def make_workspace(
    predictions: Mapping[str, Prediction],
    settings: FitSettings,
    signal: str,
    closures: Mapping[str, Closure],
    *,
    observe: bool,
) -> dict[str, Any]:
    """Create the workspace of a signal.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane.
    settings : FitSettings
        Processes and uncertainties.
    signal : str
        The process with mu = 1.
    closures : mapping of str to Closure
        Uncertainty of the prediction by category.
    observe : bool
        Use data in the signal regions; otherwise the expectation without signal.

    Returns
    -------
    dict
        Workspace in the JSON schema of pyhf.
    """
    channels, observations = [], []
    for name, prediction in predictions.items():
        plane, simulated = prediction.plane, Simulated(settings, signal, prediction, name)
        multijet = prediction.multijet
        spec = {
            plane.C: _multijet(multijet[plane.C].values, [_free_bins(f"{name}_{plane.C}")]),
            plane.D: _multijet(multijet[plane.D].values, [_free_bins(f"{name}_{plane.D}")]),
        }
        for category, regions in plane.categories.items():
            rate = prediction.transfer[category]
            predicted = {
                regions.B: (plane.D, multijet[plane.D].values * rate),
                regions.A: (plane.C, prediction.predicted(category).values),
            }
            for region, (origin, values) in predicted.items():
                modifiers = [
                    _free_bins(f"{name}_{origin}"),
                    {"name": f"transfer_{category}", "type": "normfactor", "data": None},
                    _slope(f"transfer_slope_{category}", values, prediction, region, plane.slope),
                ]
                if region == regions.A:
                    modifiers.append(normalisation(f"closure_{category}", 1 + closures[category].uncertainty))
                    modifiers.append(_slope(f"closure_slope_{category}", values, prediction, region, plane.slope))
                spec[region] = _multijet(values, modifiers)
        signal_regions = {regions.A for regions in plane.categories.values()}
        for region, sample in spec.items():
            with_errors = region not in (plane.C, plane.D)
            samples = [*simulated.samples(region, statistics=with_errors), sample]
            channels.append({"name": f"{name}_{region}", "samples": samples})
            if region not in signal_regions:
                data = prediction.seen[region].values
            elif observe:
                data = prediction.yields(DATA, region).values
            else:
                data = np.sum([entry["data"] for entry in samples if entry["name"] != signal], axis=0)
            observations.append({"name": f"{name}_{region}", "data": data.tolist()})
    bounds = [[0.0, _TIMES_SENSITIVITY * sensitivity(predictions, settings, signal).two_sigma]]
    measurement = {"name": signal, "config": {"poi": POI, "parameters": [{"name": POI, "bounds": bounds}]}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def _multijet(values: DoubleArray, modifiers: list[Modifier]) -> dict[str, Any]:
    return {"name": "multijet", "data": values.tolist(), "modifiers": modifiers}


def _free_bins(name: str) -> Modifier:
    return {"name": f"multijet_{name}", "type": "shapefactor", "data": None}


def _slope(name: str, values: DoubleArray, prediction: Prediction, region: str, size: float) -> Modifier:
    edges = prediction.edges_of(region)
    middle, half = (edges[-1] + edges[0]) / 2, (edges[-1] - edges[0]) / 2
    change = size * ((edges[1:] + edges[:-1]) / 2 - middle) / half
    data = {"hi_data": (values * (1 + change)).tolist(), "lo_data": (values * (1 - change)).tolist()}
    return {"name": name, "type": "histosys", "data": data}
