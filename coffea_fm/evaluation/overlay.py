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
        mplhep.histplot(values, axis.edges, yerr=errors, ax=main, label=name, flow="none", **_style(number))
    main.set(ylabel="Fraction per bin", title=title, xlim=(axis.edges[0], axis.edges[-1]))
    _scale(main, np.concatenate([values for values, _ in shapes.values()]))
    main.legend(title=legend, fontsize="small", ncols=1 + (len(names) > 5))
    panels[-1, 0].set_xlabel(axis.label or axis.name)
    if with_ratio:
        _draw_ratios(panels[1, 0], axis.edges, shapes)
    return figure


def _draw_ratios(panel: Any, edges: npt.NDArray[np.float64], shapes: Mapping[str, Shape]) -> None:
    """Ratios to the first with their own errors; the error of the first is the band around one."""
    (reference_name, reference), *others = shapes.items()
    ratios = []
    for number, (_, shape) in enumerate(others, start=1):
        ratio, error = _ratio(shape, reference)
        mplhep.histplot(ratio, edges, yerr=error, ax=panel, histtype="errorbar", markersize=4, color=f"C{number % 10}")
        ratios.append(ratio)
    band = np.nan_to_num(_ratio(reference, reference)[1])
    panel.stairs(1 + band, edges, baseline=1 - band, fill=True, color="C0", alpha=0.25)
    panel.axhline(1, color="C0", linewidth=1)
    panel.set(ylabel=f"Ratio to {reference_name}", xlim=(edges[0], edges[-1]))
    _scale(panel, np.concatenate(ratios))


def _style(number: int) -> dict[str, str]:
    return {"color": f"C{number % 10}"} | ({"linestyle": "--"} if number >= 10 else {})


def _scale(panel: Any, values: npt.NDArray[np.float64]) -> None:
    """Logarithmic where the values span more than two orders of magnitude."""
    positive = values[np.isfinite(values) & (values > 0)]
    if len(positive) and positive.max() > 100 * positive.min():
        panel.set(yscale="log", ylim=(0.5 * positive.min(), 3 * positive.max()))
    else:
        panel.set_ylim(0, 1.3 * positive.max() if len(positive) else 1)


def _shape(histogram: BaseHist[Any]) -> Shape:
    values, variances = histogram.values(), histogram.variances()
    area = values.sum() or 1.0
    return values / area, np.sqrt(variances if variances is not None else np.zeros_like(values)) / area


def _ratio(above: Shape, below: Shape) -> Shape:
    """Ratio and the part of its error that comes from `above`; NaN, which is not drawn, where either is empty."""
    defined = (above[0] > 0) & (below[0] > 0)
    denominator = np.where(defined, below[0], np.nan)
    return above[0] / denominator, above[1] / denominator
