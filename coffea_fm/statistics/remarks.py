"""Warnings about results that need care before they are quoted."""

from __future__ import annotations

from cabinetry.fit.results_containers import FitResults

_POOR, _BAD = 0.05, 0.01


def remark_on_fit(results: FitResults) -> str | None:
    """A sentence about a fit to data with a poor p-value."""
    p_value = results.goodness_of_fit
    if not p_value < _POOR:  # also true for NaN, i.e. without degrees of freedom
        return None
    verdict = (
        "the model does not describe the data, and its limit and mu should not be quoted" if p_value < _BAD else "poor"
    )
    return f"the fit has a p-value of {p_value:.2g}: {verdict}; look at the postfit distributions and the pulls"


def remark_on_closure(category: str, p_value: float) -> str | None:
    """A sentence about a closure test with a poor p-value."""
    if p_value >= _POOR:
        return None
    verdict = "the prediction does not close" if p_value < _BAD else "the prediction closes poorly"
    return (
        f"closure of {category}: {verdict} (p-value {p_value:.2g}); the correction and its uncertainty cover the rate, but "
        "a difference in shape is only covered by the slope in the settings"
    )
