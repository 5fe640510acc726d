"""Confusion matrices: fractions of predicted classes for each true class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import SIMULATION, Label, one_panel, style


@style()
def matrix_figure(
    fractions: npt.ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    jets: Sequence[int] = (),
    *,
    label: Label = SIMULATION,
) -> Figure:
    """Draw fractions with their numbers.

    Parameters
    ----------
    fractions : array-like of shape [n_rows, n_columns]
        Fractions; each row sums to 1.
    rows, columns : sequence of str
        True and predicted classes.
    jets : sequence of int
        Number of jets in each row, if known.
    label : Label
        Text above the frame; fractions have no luminosity.
    """
    values = np.asarray(fractions, dtype=np.float64)
    size = (2.6 + 0.5 * bool(jets) + 0.55 * len(columns), 2.0 + 0.45 * len(rows))
    figure, axes = one_panel(replace(label, luminosity=None), size=size)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), fraction in np.ndenumerate(values):
        color = "white" if fraction > 0.5 else "black"
        axes.text(column, row, f"{fraction:.2f}", ha="center", va="center", color=color, fontsize="xx-small")
    axes.set_xticks(range(len(columns)), [tex_name(name) for name in columns], rotation=45, ha="right", va="top")
    shown = [tex_name(name) for name in rows]
    if jets:
        shown = [f"{name} ({number:,})" for name, number in zip(shown, jets, strict=True)]
    axes.set_yticks(range(len(rows)), shown)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set(xlabel="Predicted class", ylabel="True class (jets)" if jets else "True class")
    return figure
