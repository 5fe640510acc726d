"""The closure test of a background prediction."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.fit_panels import Panels
from coffea_fm.plots.style import COLORS, Label, style, two_panels


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
        Bin edges.
    predicted, counted : tuple of two float64 [n_bins]
        Events and their errors.
    text, quantity : str
        Description, and label of the horizontal axis.
    label : Label
        Text above the frame.
    """
    figure, main, below = two_panels(label)
    (expected, error), (events, spread) = predicted, counted
    panels = Panels(main, below, edges, expected)
    main.stairs(expected / panels.widths, edges, color=COLORS[0], label="predicted")
    panels.error_band(error)
    panels.points(events, spread, "counted")
    highest = np.concatenate([expected + error, events + spread]) / np.tile(panels.widths, 2)
    panels.finish(highest, text=text, quantity=quantity, ratio="counted / predicted")
    return figure
