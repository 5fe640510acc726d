"""Backgrounds on one another, with signal and data, and their ratio below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mplhep
import numpy as np
from matplotlib.figure import Figure

from coffea_fm.statistics.yields import Floats

ENERGY = "13 TeV"


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
    figure, main, below = two_panels()
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
    main.stairs((total + error) / widths, edges, baseline=np.maximum(total - error, 0) / widths, **band("uncertainty"))
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
        below.stairs(1 + error / total, edges, baseline=1 - error / total, **band(None))
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
    main.set_title(f"{luminosity:g} fb$^{{-1}}$ ({ENERGY})", loc="right")
    _logarithmic(main, total / widths)
    main.legend(fontsize="small", ncols=2)
    below.axhline(1, color="black", linewidth=0.8)
    below.set(ylabel="over background", xlabel=label, ylim=(0, 2))
    return figure


def two_panels() -> tuple[Figure, Any, Any]:
    """A figure with a large panel and, for ratios, a small one below."""
    figure = Figure(figsize=(7, 6.5), layout="constrained")
    main, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    return figure, main, below


def band(label: str | None) -> dict[str, Any]:
    """How an uncertainty is drawn."""
    return {"fill": True, "color": "none", "hatch": "////", "edgecolor": "0.4", "linewidth": 0, "label": label}


def _logarithmic(axes: Any, values: Floats) -> None:
    positive = values[values > 0]
    if len(positive) and positive.max() > 30 * positive.min():
        axes.set(yscale="log", ylim=(0.1 * positive.min(), 30 * positive.max()))
    else:
        axes.set_ylim(0, 1.6 * positive.max() if len(positive) else 1)
