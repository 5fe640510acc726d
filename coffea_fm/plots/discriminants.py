"""Discriminant distributions of signal, background and other classes, with the cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hist import BaseHist
from matplotlib.figure import Figure

from coffea_fm.plots.bins import Bins
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.shapes import COUNTED
from coffea_fm.plots.style import SIMULATION, Label, colors_of, fit_range, note, one_panel, style


@style()
def discriminant_figure(
    histograms: Mapping[str, BaseHist[Any]],
    cuts: Mapping[str, float] | None = None,
    *,
    label: Label = SIMULATION,
    text: str = "",
) -> Figure:
    """Draw the shapes of a discriminant, and its working points as vertical lines.

    Parameters
    ----------
    histograms : mapping of str to hist.BaseHist
        By true class.
    cuts : mapping of str to float, optional
        By the label next to the line.
    label : Label
        Text above the frame.
    text : str
        Description in the upper left corner.

    Raises
    ------
    InputError
        If a histogram has no positive area.
    """
    figure, axes = one_panel(replace(label, luminosity=None))
    shapes = {name: bins.over(bins.area) for name, bins in ((name, Bins.of(part)) for name, part in histograms.items())}
    fit_range(axes, np.concatenate([shape.values for shape in shapes.values()]))
    gaps = axes.get_yscale() == "log"
    colors = colors_of(shapes)
    for name, shape in shapes.items():
        shape.draw(axes, color=colors[name], label=f"{tex_name(name)} ({shape.effective:,.0f})", gaps=gaps)
    for name, cut in (cuts or {}).items():
        axes.axvline(cut, ymax=0.72, color="0.3", linewidth=1, linestyle=":")
        axes.text(
            cut,
            0.72,
            f"{name} ",
            transform=axes.get_xaxis_transform(),
            rotation=90,
            ha="right",
            va="top",
            fontsize="x-small",
        )
    first = next(iter(shapes.values()))
    axes.set(xlabel=first.quantity, ylabel=first.per_bin, xlim=(first.edges[0], first.edges[-1]))
    note(axes, "\n".join(part for part in (text, "normalised to unit area", COUNTED) if part))
    axes.legend(loc="upper right", fontsize="x-small")
    return figure
