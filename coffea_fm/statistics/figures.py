"""Figures of a fit besides distributions: closure, pulls and impacts, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mplhep
import numpy as np
from matplotlib.figure import Figure

from coffea_fm.statistics.closure import Closure
from coffea_fm.statistics.impacts import Impact
from coffea_fm.statistics.limits import BANDS, Limit
from coffea_fm.statistics.stack import ENERGY, band, two_panels

_ONE, _TWO = "#85D1FB", "#FFDF7F"  # the colours of CMS


def closure_figure(closure: Closure, *, title: str, label: str) -> Figure:
    """Predicted and counted multijet events of the simulation, and their ratio."""
    figure, main, below = two_panels()
    widths = np.diff(closure.edges)
    predicted, counted = closure.predicted, closure.counted
    errors = [np.sqrt(yields.variances) for yields in (predicted, counted)]
    mplhep.histplot(
        predicted.values / widths, closure.edges, ax=main, label="predicted", flow="none", yerr=errors[0] / widths
    )
    mplhep.histplot(
        counted.values / widths,
        closure.edges,
        yerr=errors[1] / widths,
        ax=main,
        label="counted",
        histtype="errorbar",
        color="black",
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = errors[0] / predicted.values
        below.stairs(1 + relative, closure.edges, baseline=1 - relative, **band(None))
        ratios = [values / predicted.values for values in (counted.values, errors[1])]
    mplhep.histplot(ratios[0], closure.edges, yerr=ratios[1], ax=below, histtype="errorbar", color="black")
    text = f"{closure.ratio:.2f} ± {closure.ratio_error:.2f}, p = {closure.p_value:.2g}"
    main.set(ylabel="Simulated multijet events / GeV", xlim=(closure.edges[0], closure.edges[-1]), ylim=(0, None))
    main.set_title(f"{title}: counted over predicted {text}", fontsize="medium")
    main.legend()
    below.axhline(1, color="black", linewidth=0.8)
    below.set(ylabel="ratio", xlabel=label, ylim=(0, 2))
    return figure


def impacts_figure(impacts: Mapping[str, Impact], constrained: Sequence[str], *, title: str) -> Figure:
    """Pulls of the constrained parameters, and how each moves the signal's strength; at most twenty."""
    shown = dict(list(impacts.items())[:20])
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(shown)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(shown))[::-1]
    for row, (name, impact) in zip(rows, shown.items(), strict=True):
        color = "black" if name in constrained else "tab:blue"
        left.errorbar(impact.pull, row, xerr=impact.constraint, fmt="o", color=color, markersize=4)
        right.barh(row + 0.2, impact.up, height=0.4, color="tab:red", label="+1 s.d." if row == rows[0] else None)
        right.barh(row - 0.2, impact.down, height=0.4, color="tab:blue", label="-1 s.d." if row == rows[0] else None)
    left.axvspan(-1, 1, color="0.9", zorder=-1)
    left.set_yticks(rows, list(shown))
    left.set(xlabel="Best value (blue: free, as a factor)", title=title)
    right.axvline(0, color="black", linewidth=0.8)
    right.set(xlabel="Change of μ")
    right.legend()
    return figure


def limits_figure(limits: Mapping[float, Limit], cross_section: float, *, luminosity: float) -> Figure:
    """Expected (and observed) upper limits on the cross section by the mass of the resonance.

    Parameters
    ----------
    limits : mapping of float to Limit
        By mass, GeV.
    cross_section : float
        Of mu = 1, fb.
    luminosity : float
        fb⁻¹
    """
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    masses = sorted(limits)
    bands = cross_section * np.array([limits[mass].expected for mass in masses]).T
    by_band = dict(zip(BANDS, bands, strict=True))
    axes.fill_between(masses, by_band[-2], by_band[2], color=_TWO, label="95% expected")
    axes.fill_between(masses, by_band[-1], by_band[1], color=_ONE, label="68% expected")
    axes.plot(masses, by_band[0], "k--", marker=".", label="median expected")
    observed = [limits[mass].observed for mass in masses]
    if all(value is not None for value in observed):
        axes.plot(masses, [cross_section * float(value or 0) for value in observed], "k-", marker="o", label="observed")
    axes.set(yscale="log", xlabel="$m_X$ [GeV]", ylabel=r"95% CL limit on $\sigma(pp \to X \to HH \to 4b)$ [fb]")
    axes.set_title(f"{luminosity:g} fb$^{{-1}}$ ({ENERGY}), simulated", loc="right")
    axes.legend()
    return figure
