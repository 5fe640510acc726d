"""Summarise the results of an analysis as plain numbers, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from cabinetry.fit.results_containers import FitResults, RankingResults

from coffea_fm.statistics.analysis import Analysis
from coffea_fm.statistics.injections import Injection
from coffea_fm.statistics.prediction import Prediction
from coffea_fm.statistics.results import SignalResult
from coffea_fm.statistics.simulated import POI


def summarise(analysis: Analysis, results: Mapping[str, SignalResult]) -> dict[str, Any]:
    """All results as values for JSON."""
    return {
        "luminosity_fb": analysis.inputs.luminosity,
        "left_out": analysis.left_out(results),
        "remarks": [*analysis.remarks(), *(remark for result in results.values() for remark in result.remarks)],
        "processed": {name: found.share for name, found in analysis.inputs.counts.processed.items()},
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
        "signals": {name: _signal(result) for name, result in results.items()},
    }


def describe(summary: Mapping[str, Any]) -> str:
    """Format a summary as text."""
    lines = [f"{summary['luminosity_fb']:g} fb^-1; 95% CL limits on mu (-2, -1, 0, +1, +2 standard deviations)"]
    for name, found in summary["signals"].items():
        expected = "  ".join(f"{value:.3g}" for value in found["expected"])
        lines.append(f"{name:8} expected {expected}   mu = 1 is {found['cross_section_fb']:g} fb")
        if "observed" in found:
            lines.append(
                f"{name:8} observed {found['observed']:.3g}; {_mu_text(found['mu'])}, {_p_text(found['p_value'])}"
            )
        for test in found["injections"]:
            lines.append(
                f"{name:8} injected mu = {test['injected']:.3g}: bias {test['bias']:.2g} ± {test['bias_error']:.2g}, spread "
                f"{test['spread']:.2g} in {test['fitted']} toys, {test['at_bound']:.0%} of them at mu = 0"
                + (f"; {test['failed']} did not converge" if test["failed"] else "")
            )
    for name, test in summary["closure"].items():
        lines.append(
            f"closure of {name}: counted / predicted {test['ratio']:.2f} ± {test['error']:.2f}, {_p_text(test['p_value'])}"
        )
    for what, names in summary["left_out"].items():
        if names:
            where = "in the run, not in the fit" if what == "processes" else "in the settings, not in the run"
            lines.append(f"{what} left out ({where}): {', '.join(names)}")
    return "\n".join([*lines, *(f"note: {remark}" for remark in summary["remarks"])])


def _mu_text(mu: Mapping[str, Any]) -> str:
    if mu["at_bound"]:
        return f"mu is at its bound of zero; one standard deviation reaches up to {mu['high']:.2g}"
    return f"mu = {mu['best']:.2g}, {mu['low']:.2g} to {mu['high']:.2g} within one standard deviation"


def _p_text(p_value: float | None) -> str:
    return "no p-value: there are no degrees of freedom" if p_value is None else f"p-value {p_value:.2g}"


def _bins(analysis: Analysis, prediction: Prediction, category: str) -> dict[str, list[float]]:
    """Prefit background of a signal region, and its effective number of events."""
    region = prediction.plane.categories[category].A
    background = prediction.predicted(category)
    for process in analysis.settings.backgrounds:
        background = background + prediction.yields(process, region)
    return {
        "edges": prediction.edges_of(region).tolist(),
        "background": background.values.tolist(),
        "effective_events": background.effective_events.tolist(),
    }


def _signal(result: SignalResult) -> dict[str, Any]:
    limits = result.limit.expected_limit
    found: dict[str, Any] = {
        "cross_section_fb": result.cross_section,
        "mass": result.mass,
        "expected": limits.tolist(),
        "expected_fb": (result.cross_section * limits).tolist(),
        "asimov_mu": _mu(result.expected.results),
        "impacts": _impacts(result.expected.ranking),
        "injections": [_injection(test) for test in result.injections],
    }
    if result.observed:
        p_value = result.observed.results.goodness_of_fit
        found |= {
            "observed": float(result.limit.observed_limit),
            "mu": _mu(result.observed.results),
            "p_value": None if np.isnan(p_value) else p_value,
            "pulls": _impacts(result.observed.ranking),
        }
    return found


def _mu(results: FitResults) -> dict[str, float | bool]:
    best = float(results.bestfit[results.labels.index(POI)])
    low, high = (best + change for change in results.minos_uncertainty[POI])
    return {"best": best, "low": low, "high": high, "at_bound": low <= 0 and best < 1e-3 * high}


def _impacts(ranking: RankingResults) -> dict[str, dict[str, float]]:
    columns = {
        "pull": ranking.bestfit,
        "constraint": ranking.uncertainty,
        "up": ranking.postfit_up,
        "down": ranking.postfit_down,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return {name: dict(zip(columns, row, strict=True)) for name, row in zip(ranking.labels, rows, strict=True)}


def _injection(test: Injection) -> dict[str, float | int]:
    return {
        "injected": test.injected,
        "bias": test.bias,
        "bias_error": test.bias_error,
        "spread": test.spread,
        "fitted": len(test.fitted),
        "failed": test.failed,
        "at_bound": test.at_bound,
    }
