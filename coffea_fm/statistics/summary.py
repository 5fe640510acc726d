"""The results of an analysis as plain numbers, and as figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from coffea_fm.statistics.after_fit import goodness
from coffea_fm.statistics.analyse import Analysis, SignalResult
from coffea_fm.statistics.draw import Figures, draw_closure, draw_regions, draw_shown
from coffea_fm.statistics.figures import impacts_figure, limits_figure
from coffea_fm.statistics.likelihood import Fitted
from coffea_fm.statistics.prediction import Prediction

_MASS = re.compile(r"X(\d+)")


def account(analysis: Analysis, results: Mapping[str, SignalResult]) -> dict[str, Any]:
    """Everything that was found, for JSON."""
    return {
        "luminosity_fb": analysis.inputs.luminosity,
        "left_out": analysis.left_out(results),
        "closure": {
            category: {
                "ratio": closure.ratio,
                "error": closure.ratio_error,
                "p_value": closure.p_value,
                "uncertainty": closure.uncertainty,
            }
            for category, closure in analysis.closures.items()
        },
        "bins": {
            category: _bins(analysis, prediction, category)
            for prediction in analysis.predictions.values()
            for category in prediction.plane.categories
        },
        "signals": {signal: _signal(result, observe=analysis.observe) for signal, result in results.items()},
    }


def figures(analysis: Analysis, results: Mapping[str, SignalResult]) -> Figures:
    """All figures with their names, drawn one after the other."""
    luminosity = analysis.inputs.luminosity
    yield from draw_closure(analysis.closures, analysis.predictions)
    for signal, result in results.items():
        shown = (signal, result.limit.median)
        regions = draw_regions(
            analysis.predictions,
            result.likelihood,
            result.fitted,
            shown,
            luminosity=luminosity,
            observe=analysis.observe,
        )
        for name, figure in regions:
            yield f"{signal}_{name}", figure
        for name, figure in draw_shown(analysis.inputs.histograms, analysis.settings, shown, luminosity=luminosity):
            yield f"{signal}_{name}", figure
        constrained = list(result.likelihood.constrained())
        yield (
            f"{signal}_impacts",
            impacts_figure(result.impacts, constrained, title=f"Expected, {signal}, μ = {result.limit.median:.2g}"),
        )
        if result.pulls:
            yield f"{signal}_pulls", impacts_figure(result.pulls, constrained, title=f"Data, {signal}")
    by_mass = {float(match[1]): results[name] for name in results if (match := _MASS.fullmatch(name))}
    sections = {result.cross_section for result in by_mass.values()}
    if len(by_mass) > 1 and len(sections) == 1:
        limits = {mass: result.limit for mass, result in by_mass.items()}
        yield "limits", limits_figure(limits, sections.pop(), luminosity=luminosity)


def _bins(analysis: Analysis, prediction: Prediction, category: str) -> dict[str, list[float]]:
    """Background of a signal region before the fit, and the effective events behind it."""
    region = prediction.plane.categories[category].signal
    background = prediction.predicted(category)
    for process in analysis.settings.backgrounds:
        background = background + prediction.yields(process, region)
    return {
        "edges": prediction.edges_of(region).tolist(),
        "background": background.values.tolist(),
        "effective_events": background.effective_events.tolist(),
    }


def _signal(result: SignalResult, *, observe: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cross_section_fb": result.cross_section,
        "expected": list(result.limit.expected),
        "expected_fb": [result.cross_section * value for value in result.limit.expected],
        "asimov_mu": _mu(result, result.asimov),
        "impacts": {name: asdict(impact) for name, impact in result.impacts.items()},
    }
    if observe:
        found |= {
            "observed": result.limit.observed,
            "mu": _mu(result, result.fitted),
            "p_value": goodness(result.likelihood, result.fitted),
            "pulls": {name: asdict(impact) for name, impact in result.pulls.items()},
        }
    return found


def _mu(result: SignalResult, fitted: Fitted) -> list[float]:
    return [float(fitted.values[result.likelihood.poi]), float(fitted.errors[result.likelihood.poi])]
