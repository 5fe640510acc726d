"""Systematic variations against the nominal histogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hist import BaseHist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.bins import Bins
from coffea_fm.plots.categories import source_of
from coffea_fm.plots.style import COLORS, SIMULATION, Label, fit_range, note, style, two_panels

_WELL_FILLED = 0.3
"""Largest relative error of the nominal bins whose ratios set the range of the lower panel."""


@style()
def variations_figure(
    nominal: BaseHist[Any], variations: Mapping[str, BaseHist[Any]], *, label: Label = SIMULATION, text: str = ""
) -> Figure:
    """Draw variations over the nominal histogram as they are, so that a change of the rate is seen; ratios below.

    Parameters
    ----------
    nominal : hist.BaseHist
        The reference; its statistical error is the grey band of the lower panel.
    variations : mapping of str to hist.BaseHist
        By name, with the same binning as `nominal`.
    label : Label
        Text above the frame.
    text : str
        Description in the upper left corner.
    """
    figure, main, below = two_panels(label)
    entries = "Entries" if label.luminosity is None else "Events"
    reference = Bins.of(nominal, entries)
    varied = {name: Bins.of(histogram, entries) for name, histogram in variations.items()}
    fit_range(main, np.concatenate([reference.values, *(bins.values for bins in varied.values())]))
    gaps = main.get_yscale() == "log"
    reference.draw(main, color="black", label="nominal", gaps=gaps)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(reference.values > 0, reference.errors / reference.values, np.nan)
        ratios = {
            name: np.where(reference.values > 0, bins.values / reference.values, np.nan)
            for name, bins in varied.items()
        }
    band = np.nan_to_num(relative)
    below.stairs(1 + band, reference.edges, baseline=1 - band, fill=True, color="0.6", alpha=0.4, linewidth=0)
    below.axhline(1, color="black", linewidth=0.8)
    sources = list(dict.fromkeys(map(source_of, varied)))
    for name, bins in varied.items():
        color = COLORS[sources.index(source_of(name))]
        line = "--" if name.lower().endswith("down") else "-"
        total = reference.values.sum()
        change = round(float(bins.values.sum() / total - 1), 3) + 0.0 if total else np.nan  # no minus before zero
        shown = np.where(bins.values > 0, bins.values, np.nan) if gaps else bins.values
        main.stairs(shown, bins.edges, baseline=None, color=color, ls=line, lw=1.6, label=f"{name} ({change:+.1%})")
        below.stairs(ratios[name], bins.edges, baseline=None, color=color, ls=line, lw=1.6)
    main.set(ylabel=reference.per_bin, xlim=(reference.edges[0], reference.edges[-1]))
    note(main, text)
    main.legend(loc="upper right", fontsize="x-small")
    below.set(ylabel="Varied / nominal", xlabel=reference.quantity)
    _ratio_range(below, list(ratios.values()), relative)
    return figure


def _ratio_range(axes: Axes, ratios: list[DoubleArray], relative: DoubleArray) -> None:
    changes = np.abs(np.array(ratios) - 1)
    filled = changes[:, relative < _WELL_FILLED]
    seen = (filled if filled.size else changes)[np.isfinite(filled if filled.size else changes)]
    largest = float(seen.max()) if seen.size else 0.0
    reach = min(max(1.3 * largest, 0.05), 1.0)
    axes.set_ylim(1 - reach, 1 + reach)
