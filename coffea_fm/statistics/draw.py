"""Draw all figures of an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.analysis.regions import DATA
from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.fit_closure import closure_figure
from coffea_fm.plots.fit_limits import limits_figure
from coffea_fm.plots.fit_parameters import correlations_figure, pulls_figure, ranking_figure
from coffea_fm.plots.fit_stack import region_figure
from coffea_fm.plots.style import Label
from coffea_fm.statistics.analysis import Analysis
from coffea_fm.statistics.postfit import background, channel_of
from coffea_fm.statistics.results import SignalResult
from coffea_fm.statistics.settings import Shown
from coffea_fm.statistics.simulated import POI
from coffea_fm.statistics.upper_limits import median
from coffea_fm.statistics.yields import Filled

Figures = Iterator[tuple[str, Figure]]


def figures(analysis: Analysis, results: Mapping[str, SignalResult]) -> Figures:
    """Draw all figures one by one, with their names."""
    label = _label(analysis)
    yield from _closures(analysis, label)
    for signal, result in results.items():
        for name, figure in (
            *_postfit(analysis, signal, result, label),
            *_shown(analysis, signal, result, label),
            *_parameters(result),
        ):
            yield f"{signal}_{name}", figure
    by_mass = {
        result.mass: (result.cross_section, result.limit) for result in results.values() if result.mass is not None
    }
    if len(by_mass) > 1:
        scan = analysis.settings.scan
        yield "limits", limits_figure(by_mass, mass=scan.mass, cross_section=scan.cross_section, label=label)


def _label(analysis: Analysis) -> Label:
    experiment = analysis.settings.experiment
    return Label(experiment.status, experiment.name, experiment.energy, analysis.inputs.luminosity)


def _closures(analysis: Analysis, label: Label) -> Figures:
    """The closure test of every category."""
    for prediction in analysis.predictions.values():
        for category in prediction.plane.categories:
            closure = analysis.closures[category]
            found = (
                f"counted / predicted {closure.ratio:.2f} ± {closure.ratio_error:.2f}, p-value {closure.p_value:.2g}"
            )
            figure = closure_figure(
                closure.edges,
                (closure.predicted.values, closure.bin_errors),
                (closure.counted.values, np.sqrt(closure.counted.variances)),
                text=f"{category.replace('_', ' ')}, simulated multijet\n{found}",
                quantity=prediction.filled.axis.label,
                label=label,
            )
            yield f"{category}_closure", figure


def _postfit(analysis: Analysis, signal: str, result: SignalResult, label: Label) -> Figures:
    """Every signal region postfit, with a signal at the expected limit."""
    predicted, strength = background(result.likelihood, result.postfit), median(result.limit)
    for name, prediction in analysis.predictions.items():
        for category, regions in prediction.plane.categories.items():
            samples, error = channel_of(predicted, f"{name}_{regions.A}", signal)
            events = strength * np.maximum(prediction.yields(signal, regions.A).values, 0)
            figure = region_figure(
                prediction.edges_of(regions.A),
                samples,
                error,
                (signal, strength, events),
                prediction.yields(DATA, regions.A).values if analysis.observe else None,
                text=f"{category.replace('_', ' ')}\npostfit",
                quantity=prediction.filled.axis.label,
                label=label,
            )
            yield f"{category}_postfit", figure


def _shown(analysis: Analysis, signal: str, result: SignalResult, label: Label) -> Figures:
    """Additional distributions from the settings: simulation, and data if not blinded. Empty ones are left out."""
    settings, strength = analysis.settings, median(result.limit)
    for name, shown in settings.figures.items():
        filled = analysis.inputs.histograms[shown.histogram]
        everything = {process: _sum(filled, process, shown) for process in (settings.multijet, *settings.backgrounds)}
        backgrounds = {process: values for process, (values, _) in everything.items() if values.any()}
        if not backgrounds:
            continue
        data = _sum(filled, DATA, shown)[0]
        figure = region_figure(
            filled.edges,
            backgrounds,
            np.sqrt(np.sum([variances for _, variances in everything.values()], axis=0)),
            (signal, strength, strength * _sum(filled, signal, shown)[0]),
            data if data.any() else None,
            text=f"{name.replace('_', ' ')}\nprefit",
            quantity=filled.axis.label,
            label=label,
        )
        yield name, figure


def _parameters(result: SignalResult) -> Figures:
    """Ranking, pulls and correlations, for the Asimov data at the expected limit and for the data if not blinded."""
    constrained = list(result.likelihood.constrained())
    everything = [POI, *result.likelihood.transfers(), *constrained]
    for name, fit in {"": result.expected, "_observed": result.observed}.items():
        if fit is not None:
            yield f"ranking{name}", ranking_figure(fit.ranking)
            yield f"pulls{name}", pulls_figure(fit.results, constrained)
            yield f"correlations{name}", correlations_figure(fit.results, everything)


def _sum(filled: Filled, process: str, shown: Shown) -> tuple[DoubleArray, DoubleArray]:
    parts = [filled.get(process, region) for region in shown.regions]
    return np.sum([part.values for part in parts], axis=0), np.sum([part.variances for part in parts], axis=0)
