"""Shapes of one quantity for several categories, each with unit area."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hist import BaseHist
from matplotlib.figure import Figure

from coffea_fm.plots.bins import Bins
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import (
    COLORS,
    MOST_CURVES,
    SIMULATION,
    Label,
    colors_of,
    fit_range,
    note,
    one_panel,
    style,
    write_label,
)

COUNTED = "in brackets: effective number of entries"


@style()
def single_figure(histogram: BaseHist[Any], *, label: Label = SIMULATION, text: str = "") -> Figure:
    """Draw one histogram without scaling."""
    figure, axes = one_panel(label)
    bins = Bins.of(histogram)
    fit_range(axes, bins.values)
    bins.draw(axes, color=COLORS[0], gaps=axes.get_yscale() == "log")
    axes.set(xlabel=bins.quantity, ylabel=bins.per_bin, xlim=(bins.edges[0], bins.edges[-1]))
    note(axes, text)
    return figure


@style()
def shapes_figure(
    histograms: Mapping[str, BaseHist[Any]],
    areas: Mapping[str, float] | None = None,
    *,
    label: Label = SIMULATION,
    legend: str = "",
    text: str = "",
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Overlay one-dimensional histograms, each scaled to unit area.

    Parameters
    ----------
    histograms : mapping of str to hist.BaseHist
        By category, all with the same binning. More than `MOST_CURVES` are distributed over several panels.
    areas : mapping of str to float, optional
        Area to divide by instead of the histogram's own, such as that before a selection; explain it in `text`.
    label : Label
        Text above the frame; a shape has no luminosity.
    legend : str
        Title of the legend.
    text : str
        Description in the upper left corner.
    colors : mapping of str to str, optional
        By category, if `colors_of` is not what they should have.

    Raises
    ------
    InputError
        If a histogram has no positive area.
    """
    bins = {name: Bins.of(histogram) for name, histogram in histograms.items()}
    shapes = {name: part.over(areas[name] if areas else part.area) for name, part in bins.items()}
    values = np.concatenate([shape.values for shape in shapes.values()])
    n_panels = math.ceil(len(shapes) / MOST_CURVES)
    each = math.ceil(len(shapes) / n_panels)
    figure = Figure(figsize=(6.4 * n_panels, 5.2), layout="constrained")
    panels = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
    names = list(shapes)
    labels = {name: tex_name(name) + ("" if areas else f" ({part.effective:,.0f})") for name, part in bins.items()}
    for at, panel in enumerate(panels):
        fit_range(panel, values)
        shown = names[at * each : (at + 1) * each]
        for name, color in (colors_of(shown) | {key: colors[key] for key in shown if colors}).items():
            shapes[name].draw(panel, color=color, label=labels[name], gaps=panel.get_yscale() == "log")
        edges = shapes[names[0]].edges
        panel.set(xlabel=shapes[names[0]].quantity, xlim=(edges[0], edges[-1]))
        write_label(panel, replace(label, luminosity=None))
        note(panel, text if areas else "\n".join(filter(None, (text, "normalised to unit area", COUNTED))))
        panel.legend(title=legend or None, loc="upper right", ncols=1 + (each > 3), fontsize="x-small")
    panels[0].set_ylabel(shapes[names[0]].per_bin)
    return figure
