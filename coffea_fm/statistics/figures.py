"""Figures of a fit: distributions with ratio panels, pulls and impacts, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mplhep
import numpy as np
from matplotlib.figure import Figure

from coffea_fm.statistics.closure import Closure
from coffea_fm.statistics.fits import Impact
from coffea_fm.statistics.limits import BANDS, Limit
from coffea_fm.statistics.yields import Floats

ONE_SIGMA, TWO_SIGMA = "#85D1FBff", "#FFDF7Fff"
_ENERGY = "13 TeV"


def stack_figure(
    edges: Floats,
    backgrounds: Mapping[str, Floats],
    error: Floats,
    signal: tuple[str, Floats],
    data: Floats | None,
    *,
    title: str,
    label: str,
    luminosity: float,
) -> Figure:
    """Backgrounds on one another with their uncertainty, the signal as a line, data; below, both over the backgrounds.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Of the bins.
    backgrounds : mapping of str to float64 [n_bins]
        Events by process, the uppermost first.
    error : float64 [n_bins]
        Uncertainty of their sum.
    signal : tuple of str and float64 [n_bins]
        Legend entry and events.
    data : float64 [n_bins], optional
        Events; left out where the signal region is blinded.
    title, label : str
        Of the figure and the horizontal axis.
    luminosity : float
        fb⁻¹
    """
    figure, main, below = _two_panels()
    total = np.sum(list(backgrounds.values()), axis=0)
    names = sorted(backgrounds, key=lambda name: backgrounds[name].sum())
    widths = np.diff(edges)
    mplhep.histplot(
        [backgrounds[name] / widths for name in names],
        edges,
        stack=True,
        histtype="fill",
        label=names,
        ax=main,
        flow="none",
    )
    main.stairs((total + error) / widths, edges, baseline=np.maximum(total - error, 0) / widths, **_band("uncertainty"))
    mplhep.histplot(
        signal[1] / widths,
        edges,
        ax=main,
        label=signal[0],
        color="red",
        linewidth=2,
        flow="none",
        yerr=False,
        edges=False,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        below.stairs(1 + error / total, edges, baseline=1 - error / total, **_band(None))
        mplhep.histplot(
            1 + signal[1] / total, edges, ax=below, color="red", linewidth=2, flow="none", yerr=False, edges=False
        )
        if data is not None:
            main_errors, ratio_errors = np.sqrt(data) / widths, np.sqrt(data) / total
            style: dict[str, Any] = {"histtype": "errorbar", "color": "black", "flow": "none"}
            mplhep.histplot(data / widths, edges, yerr=main_errors, ax=main, label="data", **style)
            mplhep.histplot(data / total, edges, yerr=ratio_errors, ax=below, **style)
    main.set(ylabel="Events / GeV" if "GeV" in label else "Events / bin width", xlim=(edges[0], edges[-1]))
    main.set_title(title, loc="left")
    main.set_title(f"{luminosity:g} fb$^{{-1}}$ ({_ENERGY})", loc="right")
    _logarithmic(main, total / widths)
    main.legend(fontsize="small", ncols=2)
    below.axhline(1, color="black", linewidth=0.8)
    below.set(ylabel="over background", xlabel=label, ylim=(0, 2))
    return figure


def closure_figure(closure: Closure, *, title: str, label: str) -> Figure:
    """Predicted and counted multijet events of the simulation, and their ratio."""
    figure, main, below = _two_panels()
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
        band = errors[0] / predicted.values
        below.stairs(1 + band, closure.edges, baseline=1 - band, **_band(None))
        ratios = [values / predicted.values for values in (counted.values, errors[1])]
    mplhep.histplot(ratios[0], closure.edges, yerr=ratios[1], ax=below, histtype="errorbar", color="black")
    text = f"{closure.ratio:.2f} ± {closure.ratio_error:.2f}, p = {closure.p_value:.2f}"
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
    axes.fill_between(masses, by_band[-2], by_band[2], color=TWO_SIGMA, label="95% expected")
    axes.fill_between(masses, by_band[-1], by_band[1], color=ONE_SIGMA, label="68% expected")
    axes.plot(masses, by_band[0], "k--", marker=".", label="median expected")
    observed = [limits[mass].observed for mass in masses]
    if all(value is not None for value in observed):
        axes.plot(masses, [cross_section * float(value or 0) for value in observed], "k-", marker="o", label="observed")
    axes.set(yscale="log", xlabel="$m_X$ [GeV]", ylabel=r"95% CL limit on $\sigma(pp \to X \to HH \to 4b)$ [fb]")
    axes.set_title(f"{luminosity:g} fb$^{{-1}}$ ({_ENERGY}), simulated", loc="right")
    axes.legend()
    return figure


def _two_panels() -> tuple[Figure, Any, Any]:
    figure = Figure(figsize=(7, 6.5), layout="constrained")
    main, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    return figure, main, below


def _band(label: str | None) -> dict[str, Any]:
    return {"fill": True, "color": "none", "hatch": "////", "edgecolor": "0.4", "linewidth": 0, "label": label}


def _logarithmic(axes: Any, values: Floats) -> None:
    positive = values[values > 0]
    if len(positive) and positive.max() > 30 * positive.min():
        axes.set(yscale="log", ylim=(0.1 * positive.min(), 30 * positive.max()))
    else:
        axes.set_ylim(0, 1.6 * positive.max() if len(positive) else 1)
