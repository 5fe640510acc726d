"""Contents of a one-dimensional histogram, prepared for drawing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hist import BaseHist
from matplotlib.axes import Axes

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import InputError


@dataclass(frozen=True)
class Bins:
    """Values in the bins of a histogram, with their statistical errors.

    Parameters
    ----------
    edges : float64 array of shape [n_bins + 1]
        Finite edges.
    values, errors : float64 array of shape [n_bins]
        Contents of each bin, divided by the bin width if the widths differ.
    quantity : str
        Label of the horizontal axis.
    entries : str
        What the histogram counts, e.g. ``"Jets"``.
    """

    edges: DoubleArray
    values: DoubleArray
    errors: DoubleArray
    quantity: str
    entries: str

    @classmethod
    def of(cls, histogram: BaseHist[Any], entries: str = "Entries") -> Bins:
        """Read a histogram, without underflow, overflow and bins with infinite edges.

        Parameters
        ----------
        histogram : hist.BaseHist
            One-dimensional.
        entries : str
            What the histogram counts, if its label does not say.

        Raises
        ------
        InputError
            If no bin has two finite edges.
        """
        axis = histogram.axes[0]
        edges = np.asarray(axis.edges, dtype=np.float64)
        inside = np.isfinite(edges[:-1]) & np.isfinite(edges[1:])
        if not inside.any():
            raise InputError("no bin has two finite edges")
        values = np.asarray(histogram.values(), dtype=np.float64)[inside]
        variances = histogram.variances()
        errors = np.zeros_like(values) if variances is None else np.sqrt(np.asarray(variances)[inside])
        edges = np.append(edges[:-1][inside], edges[1:][inside][-1])
        widths = np.ones_like(values) if _uniform(edges) else np.diff(edges)
        label = getattr(histogram, "label", None) or entries
        return cls(edges, values / widths, errors / widths, axis.label or axis.name or "", str(label))

    @property
    def per_bin(self) -> str:
        """``Jets / 10 GeV``: the label of the vertical axis."""
        found = re.search(r"\[([^\[\]]+)\]$", self.quantity)
        unit = found[1] if found else ""
        if not _uniform(self.edges):
            return f"{self.entries} / {unit or 'bin width'}"
        return f"{self.entries} / {self.edges[1] - self.edges[0]:.3g}{f' {unit}' if unit else ''}"

    @property
    def area(self) -> float:
        """Sum of the contents."""
        return float((self.values if _uniform(self.edges) else self.values * np.diff(self.edges)).sum())

    @property
    def effective(self) -> float:
        """Effective number of entries: of unweighted ones, their number."""
        widths = np.diff(self.edges) if not _uniform(self.edges) else 1.0
        variance = float(((self.errors * widths) ** 2).sum())
        return self.area**2 / variance if variance > 0 else 0.0

    def over(self, area: float) -> Bins:
        """Divide by an area: the contents become fractions.

        Raises
        ------
        InputError
            If the area is not positive.
        """
        if not area > 0:
            raise InputError(f"the sum of its bins is {area:g}, so it has no shape")
        entries = f"Fraction of {self.entries.lower()}"
        return replace(self, values=self.values / area, errors=self.errors / area, entries=entries)

    def draw(
        self, axes: Axes, *, color: str, label: str | None = None, linestyle: str = "-", gaps: bool = False
    ) -> None:
        """Draw a line with an error band; with `gaps`, empty and negative bins are not drawn."""
        shown = np.where(self.values > 0, self.values, np.nan) if gaps else self.values
        axes.stairs(shown, self.edges, baseline=None, color=color, label=label, linestyle=linestyle, linewidth=1.6)
        low, high = np.nan_to_num(shown - self.errors), np.nan_to_num(shown + self.errors)
        axes.stairs(high, self.edges, baseline=np.maximum(low, 1e-300), fill=True, color=color, alpha=0.2, linewidth=0)


def _uniform(edges: DoubleArray) -> bool:
    widths = np.diff(edges)
    return bool(np.allclose(widths, widths[0]))
