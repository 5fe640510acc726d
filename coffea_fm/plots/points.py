"""Points in the plane, coloured by class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import MOST_CURVES, SIMULATION, Label, colors_of, style, write_label


@style()
def points_figure(points: Mapping[str, DoubleArray], axes: tuple[str, str], *, label: Label = SIMULATION) -> Figure:
    """Draw points of several classes.

    Parameters
    ----------
    points : mapping of str to float64 array of shape [n, 2]
        By class, at least one; more than `MOST_CURVES` are shared out over panels, which show the others in grey.
    axes : tuple of str
        Labels.
    label : Label
        What stands above the frame.
    """
    n_panels = math.ceil(len(points) / MOST_CURVES)
    each = math.ceil(len(points) / n_panels)
    names = list(points)
    everything = np.concatenate(list(points.values()))
    (left, below), (right, above) = np.quantile(everything, [0.002, 0.998], axis=0)
    width, height = max(right - left, 1e-6), max(above - below, 1e-6)
    figure = Figure(figsize=(6.2 * n_panels, 5.6), layout="constrained")
    for at, panel in enumerate(figure.subplots(1, n_panels, squeeze=False)[0]):
        shown = names[at * each : (at + 1) * each]
        if n_panels > 1:
            panel.scatter(*everything.T, s=2, color="0.85", linewidth=0, rasterized=True)
        for name, color in colors_of(shown).items():
            panel.scatter(*points[name].T, s=4, alpha=0.5, color=color, linewidth=0, rasterized=True)
            panel.scatter([], [], s=30, color=color, label=f"{tex_name(name)} ({len(points[name]):,})")
        panel.set(xlabel=axes[0], ylabel=axes[1])
        panel.set(xlim=(left - 0.05 * width, right + 0.05 * width))
        panel.set(ylim=(below - 0.05 * height, above + 0.3 * height))
        panel.legend(loc="upper center", ncols=3, fontsize="x-small", columnspacing=0.8, handletextpad=0.1)
        write_label(panel, replace(label, luminosity=None))
    return figure
