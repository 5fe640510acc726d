"""Profile against quantities of a jet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import MOST_CURVES, SIMULATION, Label, colors_of, note, style, write_label


@dataclass(frozen=True)
class Profile:
    """Efficiency of a cut in bins of a quantity.

    Parameters
    ----------
    edges : float64 array of shape [n_bins + 1]
        Bins.
    efficiency, low, high : float64 array of shape [n_bins]
        Fraction that passes, and its 68% interval (Clopper-Pearson); NaN where no jet is.
    jets : int
        Number of jets in all bins.
    """

    edges: DoubleArray
    efficiency: DoubleArray
    low: DoubleArray
    high: DoubleArray
    jets: int


@style()
def profile_figure(
    panels: Mapping[str, Mapping[str, Profile]], *, label: Label = SIMULATION, text: str = "", legend: str = ""
) -> Figure:
    """Draw efficiencies on a logarithmic axis, one panel per quantity; arrows are limits where no jet passes.

    Parameters
    ----------
    panels : mapping of str to mapping of str to Profile
        By the label of the quantity, then by the legend entry; at most `MOST_CURVES` of a panel are drawn.
    label : Label
        What stands above the frames; efficiencies have no luminosity.
    text : str
        What is shown.
    legend : str
        What the curves are: head of the legend.
    """
    figure = Figure(figsize=(4.9 * len(panels), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (quantity, curves) in zip(axes, panels.items(), strict=True):
        shown = list(curves.items())[:MOST_CURVES]
        colors = colors_of(name for name, _ in shown)
        for at, (name, curve) in enumerate(shown):
            label_of = f"{tex_name(name)} ({curve.jets:,})"
            _draw(panel, curve, colors[name], label_of, 0.15 * (at - (len(shown) - 1) / 2))
        panel.set(xlabel=quantity, yscale="log")
        panel.legend(title=f"{legend} (jets)".strip(), loc="upper right", fontsize="x-small")
        note(panel, text)
        write_label(panel, replace(label, luminosity=None))
    lowest, highest = _range([curve for curves in panels.values() for curve in curves.values()])
    axes[0].set(ylabel="Efficiency", ylim=(0.5 * lowest, highest * (highest / lowest) ** 0.35 * 1.6))
    return figure


def _draw(panel: Axes, curve: Profile, color: str, name: str, aside: float) -> None:
    """Points, moved aside by a fraction of a bin so that curves do not hide one another; arrows where none passes."""
    width = np.diff(curve.edges)
    centres = (curve.edges[1:] + curve.edges[:-1]) / 2 + aside * width
    seen = np.isfinite(curve.efficiency) & (curve.efficiency > 0)
    errors = (curve.efficiency - curve.low, curve.high - curve.efficiency)
    panel.errorbar(
        centres[seen],
        curve.efficiency[seen],
        yerr=[part[seen] for part in errors],
        fmt="o",
        markersize=4,
        linewidth=1.2,
        color=color,
        label=name,
    )
    none = curve.efficiency == 0
    panel.errorbar(
        centres[none], curve.high[none], yerr=0.4 * curve.high[none], uplims=True, fmt="none", linewidth=1, color=color
    )


def _range(curves: list[Profile]) -> tuple[float, float]:
    values = np.concatenate([curve.efficiency[np.isfinite(curve.efficiency)] for curve in curves])
    values = values[values > 0]
    return (float(values.min()), float(values.max())) if len(values) else (0.01, 1.0)
