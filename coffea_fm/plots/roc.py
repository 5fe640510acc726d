"""ROC curves with their statistical bands and working points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import MOST_CURVES, SIMULATION, Label, colors_of, style, write_label


@dataclass(frozen=True)
class RocCurve:
    """One curve.

    Parameters
    ----------
    signal, background : float64 array of shape [n]
        Efficiencies, in the order of the cut; both end at 1.
    low, high : float64 array of shape [n]
        Interval of the background efficiency.
    auc : float
        Area under the curve.
    points : sequence of tuple of float
        Signal and background efficiency of each working point.
    jets : tuple of float, optional
        Numbers of signal and background jets; effective numbers for weighted jets.
    """

    signal: DoubleArray
    background: DoubleArray
    low: DoubleArray
    high: DoubleArray
    auc: float
    points: Sequence[tuple[float, float]] = ()
    jets: tuple[float, float] | None = None


@style()
def roc_figure(
    curves: Mapping[str, RocCurve], background: str, *, signal: str = "", label: Label = SIMULATION
) -> Figure:
    """Background efficiency against signal efficiency, one curve per signal class or tagger; lower is better.

    Parameters
    ----------
    curves : mapping of str to RocCurve
        By signal class, at least one; more than `MOST_CURVES` are shared out over panels.
    background : str
        The background class.
    signal : str
        The signal class, if the curves are those of several taggers.
    label : Label
        What stands above the frame; efficiencies have no luminosity.
    """
    n_panels = math.ceil(len(curves) / MOST_CURVES)
    each = math.ceil(len(curves) / n_panels)
    figure = Figure(figsize=(6.4 * n_panels, 5.6), layout="constrained")
    panels = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
    names = list(curves)
    lowest = min(curve.background[curve.background > 0].min(initial=1.0) for curve in curves.values())
    for at, panel in enumerate(panels):
        for name, color in colors_of(names[at * each : (at + 1) * each]).items():
            _draw(panel, name, curves[name], color)
        write_label(panel, replace(label, luminosity=None))
        if any(curves[name].points for name in names):
            panel.plot([], [], "o", markersize=5, color="white", markeredgecolor="black", label="working points")
        signal_axis = f"{tex_name(signal)} efficiency{_jets(curves, 0)}" if signal else "Signal efficiency"
        panel.set(xlim=(0, 1), yscale="log", ylim=(min(0.5 * lowest, 0.1), 1), xlabel=signal_axis)
        panel.legend(title="Tagger (AUC)" if signal else "Signal (AUC)", loc="upper left", fontsize="small")
    panels[0].set_ylabel(f"{tex_name(background)} efficiency{_jets(curves, 1)}")
    return figure


def _jets(curves: Mapping[str, RocCurve], side: int) -> str:
    """How many signal (0) or background (1) jets, if all curves are of the same number."""
    numbers = {None if curve.jets is None else curve.jets[side] for curve in curves.values()}
    number = numbers.pop() if len(numbers) == 1 else None
    return "" if number is None else f" ({number:,.0f} jets)"


def _draw(panel: Axes, name: str, curve: RocCurve, color: str) -> None:
    seen = curve.background > 0
    panel.fill_between(curve.signal[seen], curve.low[seen], curve.high[seen], color=color, alpha=0.2, linewidth=0)
    panel.plot(curve.signal[seen], curve.background[seen], color=color, label=f"{tex_name(name)} ({curve.auc:.4f})")
    for signal, background in curve.points:
        panel.plot(signal, background, marker="o", markersize=5, color=color, markeredgecolor="black")
