"""A region of a fit: backgrounds on one another, signal and data, and their ratio below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import COLORS, Label, fit_range, note, style, two_panels

_SIGNAL = "black"


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
    """Backgrounds on one another with their uncertainty, the signal as a line, data; below, both over the backgrounds.

    Parameters
    ----------
    edges : float64 [n_bins + 1]
        Of the bins.
    backgrounds : mapping of str to float64 [n_bins]
        Events by process.
    error : float64 [n_bins]
        Uncertainty of their sum.
    signal : tuple of str, float and float64 [n_bins]
        Process, strength, and events at this strength.
    data : float64 [n_bins], optional
        Events; left out where the signal region is blinded.
    text, quantity : str
        What is shown, and the label of the horizontal axis.
    label : Label
        What stands above the frame.
    """
    figure, main, below = two_panels(label)
    widths = np.diff(edges)
    total = np.sum(list(backgrounds.values()), axis=0)
    process, strength, events = signal
    base = np.zeros_like(total)
    for color, name in zip(COLORS, sorted(backgrounds, key=lambda name: backgrounds[name].sum()), strict=False):
        top = base + backgrounds[name]
        main.stairs(top / widths, edges, baseline=base / widths, fill=True, color=color, label=tex_name(name))
        base = top
    low, high = np.maximum(total - error, 0), total + error
    main.stairs(high / widths, edges, baseline=low / widths, **band("uncertainty"))
    legend = rf"{tex_name(process)}, $\mu$ = {strength:.3g}"
    main.stairs(events / widths, edges, baseline=None, color=_SIGNAL, linestyle="--", linewidth=2, label=legend)
    filled = total > 0
    over = 1 / np.where(filled, total, np.nan)
    relative = np.nan_to_num(error * over)
    below.stairs(1 + relative, edges, baseline=1 - relative, **band(None))
    below.stairs(1 + events * over, edges, baseline=None, color=_SIGNAL, linestyle="--", linewidth=2)
    if data is not None:
        points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4, "linewidth": 1}
        centres = (edges[1:] + edges[:-1]) / 2
        main.errorbar(centres, data / widths, yerr=np.sqrt(data) / widths, label="data", **points)
        below.errorbar(centres, data * over, yerr=np.sqrt(data) * over, **points)
    seen = total if data is None else np.maximum(total, data)
    fit_range(main, np.append(seen / widths, (events / widths).max()), room=1.6)
    main.set(ylabel="Events / GeV" if "GeV" in quantity else "Events / bin width", xlim=(edges[0], edges[-1]))
    note(main, text)
    main.legend(loc="upper right", fontsize="x-small", ncols=2)
    below.axhline(1, color="black", linewidth=0.8)
    below.set(ylabel="over background", xlabel=quantity, ylim=(0, 2))
    return figure


def band(label: str | None) -> dict[str, Any]:
    """How an uncertainty is drawn."""
    return {"fill": True, "facecolor": "none", "hatch": "/////", "edgecolor": "0.35", "linewidth": 0, "label": label}
