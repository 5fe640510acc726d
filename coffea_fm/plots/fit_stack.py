"""A region of a fit: stacked backgrounds, signal, data, and a ratio panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.fit_panels import Panels
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import Label, colors_of, style, two_panels


@style()
def region_figure(
    edges: DoubleArray,
    backgrounds: Mapping[str, DoubleArray],
    error: DoubleArray,
    signal: tuple[str, float, DoubleArray],
    data: DoubleArray | None,
    *,
    text: str,
    quantity: str,
    label: Label,
) -> Figure:
    """Draw stacked backgrounds with their uncertainty, signal and data, and their ratios to the background.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Bin edges.
    backgrounds : mapping of str to float64 [n_bins]
        Events by process.
    error : float64 [n_bins]
        Uncertainty of their sum.
    signal : tuple of str, float and float64 [n_bins]
        Process, signal strength, and events at this strength.
    data : float64 [n_bins], optional
        Data; None if the signal region is blinded.
    text, quantity : str
        Description, and label of the horizontal axis.
    label : Label
        Text above the frame.
    """
    figure, main, below = two_panels(label)
    total = np.sum(list(backgrounds.values()), axis=0)
    panels = Panels(main, below, edges, total)
    process, strength, events = signal
    base = np.zeros_like(total)
    colors = colors_of(sorted(backgrounds))
    for name in sorted(backgrounds, key=lambda name: backgrounds[name].sum()):
        top = base + backgrounds[name] / panels.widths
        main.stairs(top, edges, baseline=base, fill=True, color=colors[name], label=tex_name(name))
        base = top
    panels.error_band(error, "uncertainty")
    line: dict[str, Any] = {"baseline": None, "color": "black", "linestyle": "--", "linewidth": 2}
    main.stairs(events / panels.widths, edges, label=rf"{tex_name(process)}, $\mu$ = {strength:.3g}", **line)
    below.stairs(1 + events * panels.over, edges, **line)
    if data is not None:
        panels.points(data, np.sqrt(data), "data")
    seen = total if data is None else np.maximum(total, data)
    highest = np.append(seen / panels.widths, (events / panels.widths).max())
    panels.finish(highest, text=text, quantity=quantity, ratio="over background")
    return figure
