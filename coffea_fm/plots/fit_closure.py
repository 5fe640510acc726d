"""The closure test of a background prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.fit_stack import band
from coffea_fm.plots.style import COLORS, Label, fit_range, note, style, two_panels


@style()
def closure_figure(
    edges: DoubleArray,
    predicted: tuple[DoubleArray, DoubleArray],
    counted: tuple[DoubleArray, DoubleArray],
    *,
    text: str,
    quantity: str,
    label: Label,
) -> Figure:
    """Predicted and counted events of the simulation, and their ratio.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Of the bins.
    predicted, counted : tuple of two float64 [n_bins]
        Events and their errors.
    text, quantity : str
        What is shown, and the label of the horizontal axis.
    label : Label
        What stands above the frame.
    """
    figure, main, below = two_panels(label)
    widths, centres = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4, "linewidth": 1}
    (expected, error), (events, spread) = predicted, counted
    over = 1 / np.where(expected > 0, expected, np.nan)
    relative = np.nan_to_num(error * over)
    main.stairs(expected / widths, edges, color=COLORS[0], label="predicted")
    main.stairs((expected + error) / widths, edges, baseline=np.maximum(expected - error, 0) / widths, **band(None))
    main.errorbar(centres, events / widths, yerr=spread / widths, label="counted", **points)
    below.stairs(1 + relative, edges, baseline=1 - relative, **band(None))
    below.errorbar(centres, events * over, yerr=spread * over, **points)
    fit_range(main, np.concatenate([expected + error, events + spread]) / np.tile(widths, 2), room=1.6)
    main.set(ylabel="Events / GeV" if "GeV" in quantity else "Events / bin width", xlim=(edges[0], edges[-1]))
    note(main, text)
    main.legend(loc="upper right", fontsize="x-small")
    below.axhline(1, color="black", linewidth=0.8)
    below.set(ylabel="counted / predicted", xlabel=quantity, ylim=(0, 2))
    return figure
