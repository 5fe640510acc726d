"""Panels shared by the figures of a fit: expected events with errors, data points, and a ratio panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.stack import HATCH
from coffea_fm.plots.style import fit_range, note

_POINTS: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4, "linewidth": 1}


@dataclass(frozen=True)
class Panels:
    """A main panel of events per bin width, and a panel of ratios to the expected events.

    Parameters
    ----------
    main, below : Axes
        The panels.
    edges : float64 [n_bins + 1]
        Bin edges.
    expected : float64 [n_bins]
        Expected events; bins without any are left empty in the lower panel.
    """

    main: Axes
    below: Axes
    edges: DoubleArray
    expected: DoubleArray

    @property
    def widths(self) -> DoubleArray:
        """Bin widths."""
        return np.diff(self.edges)

    @property
    def over(self) -> DoubleArray:
        """Factor from events to ratio: one over the expected events, NaN if there are none."""
        return 1 / np.where(self.expected > 0, self.expected, np.nan)

    def error_band(self, error: DoubleArray, label: str | None = None) -> None:
        """Draw the error of the expected events, float64 [n_bins]."""
        low, high = np.maximum(self.expected - error, 0), self.expected + error
        self.main.stairs(high / self.widths, self.edges, baseline=low / self.widths, label=label, **HATCH)
        relative = np.nan_to_num(error * self.over)
        self.below.stairs(1 + relative, self.edges, baseline=1 - relative, **HATCH)

    def points(self, events: DoubleArray, errors: DoubleArray, label: str) -> None:
        """Draw events with their errors, float64 [n_bins]."""
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        self.main.errorbar(centres, events / self.widths, yerr=errors / self.widths, label=label, **_POINTS)
        self.below.errorbar(centres, events * self.over, yerr=errors * self.over, **_POINTS)

    def finish(self, highest: DoubleArray, *, text: str, quantity: str, ratio: str) -> None:
        """Scale the axes to the highest events, float64 [n], by bin width, and label them."""
        fit_range(self.main, highest, room=1.6)
        unit = "GeV" if "GeV" in quantity else "bin width"
        self.main.set(ylabel=f"Events / {unit}", xlim=(self.edges[0], self.edges[-1]))
        note(self.main, text)
        self.main.legend(loc="upper right", fontsize="x-small", ncols=2)
        self.below.axhline(1, color="black", linewidth=0.8)
        self.below.set(ylabel=ratio, xlabel=quantity, ylim=(0, 2))
