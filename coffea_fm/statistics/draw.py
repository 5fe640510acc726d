"""Which figures show a fit, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.statistics.after_fit import backgrounds_after
from coffea_fm.statistics.closure import Closure
from coffea_fm.statistics.figures import closure_figure
from coffea_fm.statistics.likelihood import Fitted, Likelihood
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.settings import FitSettings, Shown
from coffea_fm.statistics.stack import stack_figure
from coffea_fm.statistics.yields import DATA, Filled, DoubleArray

Figures = Iterator[tuple[str, Figure]]


def draw_regions(
    predictions: Mapping[str, Prediction],
    likelihood: Likelihood,
    fitted: Fitted,
    signal: tuple[str, float],
    *,
    luminosity: float,
    observe: bool,
) -> Figures:
    """Every signal region after the fit.

    Parameters
    ----------
    predictions : mapping of str to Prediction
        By plane.
    likelihood, fitted : Likelihood, Fitted
        The model, and the parameters to draw it with.
    signal : tuple of str and float
        Process, and the strength to draw it with.
    luminosity : float
        fb⁻¹
    observe : bool
        Draw the data of the signal regions.

    Yields
    ------
    tuple of str and matplotlib.figure.Figure
        Name and figure.
    """
    process, strength = signal
    expected = backgrounds_after(likelihood, fitted, process)
    for name, prediction in predictions.items():
        for category, regions in prediction.plane.categories.items():
            channel = expected[f"{name}_{regions.signal}"]
            nominal = np.maximum(prediction.yields(process, regions.signal).values, 0)
            yield (
                f"{category}_after_fit",
                stack_figure(
                    prediction.edges_of(regions.signal),
                    channel.samples,
                    channel.error,
                    (f"{process}, μ = {strength:.3g}", strength * nominal),
                    prediction.yields(DATA, regions.signal).values if observe else None,
                    title=category.replace("_", " "),
                    label=prediction.filled.axis.label,
                    luminosity=luminosity,
                ),
            )


def draw_shown(
    histograms: Mapping[str, Filled], settings: FitSettings, signal: tuple[str, float], *, luminosity: float
) -> Figures:
    """The further distributions of the settings, simulated, with data that are not blinded; empty ones are left out."""
    process, strength = signal
    for name, shown in settings.figures.items():
        filled = histograms[shown.histogram]
        everything = {key: _sum(filled, key, shown) for key in (settings.multijet, *settings.backgrounds)}
        backgrounds = {key: (values, variances) for key, (values, variances) in everything.items() if values.any()}
        if not backgrounds:
            continue
        error = np.sqrt(np.sum([variances for _, variances in backgrounds.values()], axis=0))
        data = _sum(filled, DATA, shown)[0]
        yield (
            name,
            stack_figure(
                filled.edges,
                {key: values for key, (values, _) in backgrounds.items()},
                error,
                (f"{process}, μ = {strength:.3g}", strength * _sum(filled, process, shown)[0]),
                data if data.any() else None,
                title=name.replace("_", " "),
                label=filled.axis.label,
                luminosity=luminosity,
            ),
        )


def draw_closure(closures: Mapping[str, Closure], predictions: Mapping[str, Prediction]) -> Figures:
    """The closure test of every category."""
    for prediction in predictions.values():
        for category in prediction.plane.categories:
            figure = closure_figure(closures[category], title=category, label=prediction.filled.axis.label)
            yield f"{category}_closure", figure


def _sum(filled: Filled, process: str, shown: Shown) -> tuple[DoubleArray, DoubleArray]:
    parts = [filled.get(process, region) for region in shown.regions]
    return np.sum([part.values for part in parts], axis=0), np.sum([part.variances for part in parts], axis=0)
