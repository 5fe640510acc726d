"""Postfit backgrounds with their errors, and tables of yields."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tabulate
from cabinetry.fit.results_containers import FitResults
from cabinetry.model_utils import ModelPrediction, prediction
from cabinetry.tabulate import yields

from coffea_fm.arrays import DoubleArray
from coffea_fm.statistics.likelihood import Likelihood


class Expected(NamedTuple):
    """Events expected in one channel.

    Parameters
    ----------
    samples : dict of str to float64 [n_bins]
        By process.
    error : float64 [n_bins]
        Error of their sum, with all correlations.
    """

    samples: dict[str, DoubleArray]
    error: DoubleArray


def background(likelihood: Likelihood, results: FitResults) -> ModelPrediction:
    """The postfit prediction without signal."""
    values, errors = results.bestfit.copy(), results.uncertainty.copy()
    values[likelihood.poi] = errors[likelihood.poi] = 0.0
    return prediction(likelihood.model, fit_results=results._replace(bestfit=values, uncertainty=errors))


def channel_of(predicted: ModelPrediction, channel: str, signal: str) -> Expected:
    """The backgrounds in one channel of a prediction; absent ones are left out."""
    config = predicted.model.config
    place = config.channels.index(channel)
    samples = dict(zip(config.samples, map(np.array, predicted.model_yields[place]), strict=True))
    filled = {name: values for name, values in samples.items() if name != signal and values.any()}
    return Expected(filled, np.array(predicted.total_stdev_model_bins[place][-1]))


def yield_tables(likelihood: Likelihood, results: FitResults, *, observe: bool) -> str:
    """Prefit (with mu = 1) and postfit yields of all regions and bins, as text.

    Parameters
    ----------
    likelihood : Likelihood
        Model and data.
    results : cabinetry.fit.FitResults
        Fit of these data.
    observe : bool
        Whether the signal regions contain real data, which changes the label of the last row.
    """
    text = []
    for predicted in (prediction(likelihood.model), prediction(likelihood.model, fit_results=results)):
        tables = yields(predicted, likelihood.data.tolist(), per_channel=True, save_tables=False)
        for name, rows in sorted(tables.items(), reverse=True):
            rows[-1]["sample"] = "data" if observe else "fitted"
            title = f"{predicted.label}, {name.replace('_', ' ')}"
            text.append(f"{title}\n\n{tabulate.tabulate(rows, headers='keys', tablefmt='simple')}\n")
    return "\n".join(text)
