"""Shapes of one quantity for several categories, with the ratio to the first below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mplhep
import numpy as np
import numpy.typing as npt
from hist import BaseHist
from matplotlib.figure import Figure

Shape = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def overlay_with_ratio(histograms: Mapping[str, BaseHist[Any]], *, title: str = "", legend: str = "") -> Figure:
    """Draw one-dimensional histograms, each scaled to unit area, and their ratios to the first.

    Parameters
    ----------
    histograms : mapping of str to hist.BaseHist
        By legend entry, all with the same binning; at least one, each with entries. The error bars are statistical.
    title : str
        Title of the figure.
    legend : str
        Title of the legend.

    Returns
    -------
    matplotlib.figure.Figure
        With two panels; a single histogram has no ratio panel.
    """
    names = list(histograms)
    axis = histograms[names[0]].axes[0]
    figure = Figure(figsize=(7, 6), layout="constrained")
    with_ratio = len(names) > 1
    panels = figure.subplots(2 if with_ratio else 1, sharex=True, squeeze=False, height_ratios=[3, 1][: 1 + with_ratio])
    main = panels[0, 0]
    shapes = {name: _shape(histogram) for name, histogram in histograms.items()}
    for number, (name, (values, errors)) in enumerate(shapes.items()):
        style = {"color": f"C{number}", "linestyle": "-" if number < 10 else "--"}
        mplhep.histplot(values, axis.edges, yerr=errors, ax=main, label=name, flow="none", **style)
        if with_ratio:
            ratio, error = _ratio((values, errors), shapes[names[0]])
            mplhep.histplot(ratio, axis.edges, yerr=error, ax=panels[1, 0], flow="none", **style)
    main.set(ylabel="Fraction per bin", title=title, ylim=(0, None), xlim=(axis.edges[0], axis.edges[-1]))
    main.legend(title=legend, fontsize="small", ncols=1 + (len(names) > 5))
    panels[-1, 0].set_xlabel(axis.label or axis.name)
    if with_ratio:
        panels[1, 0].set(ylabel=f"Ratio to {names[0]}", ylim=(0, 3))
        panels[1, 0].axhline(1, color="black", linewidth=0.8, linestyle=":")
    return figure


def _shape(histogram: BaseHist[Any]) -> Shape:
    values, variances = histogram.values(), histogram.variances()
    area = values.sum() or 1.0
    return values / area, np.sqrt(variances if variances is not None else np.zeros_like(values)) / area


def _ratio(above: Shape, below: Shape) -> Shape:
    """Ratio and its error for independent histograms; NaN where either is empty, so that nothing is drawn there."""
    (a, a_error), (b, b_error) = above, below
    defined = (a > 0) & (b > 0)
    a, b = np.where(defined, a, np.nan), np.where(defined, b, np.nan)
    ratio = a / b
    return ratio, ratio * np.hypot(a_error / a, b_error / b)
