"""Curves of the significance improvement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import MOST_CURVES, SIMULATION, Label, colors_of, note, style, write_label


@dataclass(frozen=True)
class SignificanceCurve:
    """Significance improvement ``ε_S / √ε_B`` (arXiv:1010.3698) against the signal efficiency.

    Parameters
    ----------
    signal, value : float64 array of shape [n]
        Signal efficiency and improvement.
    low, high : float64 array of shape [n]
        68% interval, of the background that passes.
    """

    signal: DoubleArray
    value: DoubleArray
    low: DoubleArray
    high: DoubleArray


@style()
def significance_figure(
    curves: Mapping[str, SignificanceCurve], *, legend: str = "Signal", label: Label = SIMULATION, text: str = ""
) -> Figure:
    """Significance improvement against signal efficiency, with 68% bands.

    Parameters
    ----------
    curves : mapping of str to SignificanceCurve
        By signal class or tagger, at least one; more than `MOST_CURVES` are shared out over panels.
    legend : str
        What the curves are.
    label : Label
        What stands above the frame.
    text : str
        What is shown.
    """
    n_panels = math.ceil(len(curves) / MOST_CURVES)
    each = math.ceil(len(curves) / n_panels)
    figure = Figure(figsize=(6.4 * n_panels, 5.2), layout="constrained")
    panels = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
    names = list(curves)
    left = np.floor(10 * min(curve.signal.min() for curve in curves.values())) / 10
    for at, panel in enumerate(panels):
        for name, color in colors_of(names[at * each : (at + 1) * each]).items():
            curve = curves[name]
            panel.fill_between(curve.signal, curve.low, curve.high, color=color, alpha=0.2, linewidth=0)
            panel.plot(curve.signal, curve.value, color=color, label=tex_name(name))
        panel.axhline(1, color="0.5", linewidth=1, linestyle="--")
        write_label(panel, replace(label, luminosity=None))
        panel.set(xlim=(max(left, 0), 1), ylim=(0, 1.4 * max(curve.high.max() for curve in curves.values())))
        panel.set_xlabel("Signal efficiency")
        panel.legend(title=legend, loc="upper right", fontsize="x-small")
    note(panels[0], text)
    panels[0].set_ylabel(r"$\epsilon_S / \sqrt{\epsilon_B}$")
    return figure
