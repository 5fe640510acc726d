"""Reliability curves: fraction of correct predictions as a function of the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.style import COLORS, SIMULATION, Label, one_panel, style


@dataclass(frozen=True)
class ReliabilityCurve:
    """Filled bins of the highest score: mean score, fraction of correct predictions, and its interval."""

    confidence: DoubleArray
    accuracy: DoubleArray
    low: DoubleArray
    high: DoubleArray


@style()
def reliability_figure(curves: Mapping[str, ReliabilityCurve], title: str = "", *, label: Label = SIMULATION) -> Figure:
    """Draw reliability curves, e.g. before and after temperature scaling. Calibrated scores are on the diagonal.

    Parameters
    ----------
    curves : mapping of str to ReliabilityCurve
        By legend entry.
    title : str
        Title of the legend, such as the number of jets.
    label : Label
        Text above the frame.
    """
    figure, axes = one_panel(replace(label, luminosity=None))
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", label="probabilities")
    for color, marker, (name, curve) in zip(COLORS[:1] + COLORS[2:], "osD^vP", curves.items(), strict=False):
        errors = (curve.accuracy - curve.low, curve.high - curve.accuracy)
        axes.errorbar(
            curve.confidence,
            curve.accuracy,
            yerr=errors,
            fmt=marker,
            color=color,
            markersize=5,
            label=name,
            linewidth=1,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Highest score", ylabel="Fraction predicted correctly")
    axes.legend(title=title or None, loc="lower right", fontsize="small")  # no score is below one over the classes
    return figure
