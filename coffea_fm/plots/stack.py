"""Stack of expected events by process, with uncertainty, signals and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hist import BaseHist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray
from coffea_fm.plots.bins import Bins
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import (
    MOST_CURVES,
    SIMULATION,
    Label,
    colors_of,
    fit_range,
    note,
    one_panel,
    style,
    two_panels,
)

HATCH: dict[str, Any] = {"fill": True, "facecolor": "none", "hatch": "/////", "edgecolor": "0.35", "linewidth": 0}


@style()
def stack_figure(
    backgrounds: Mapping[str, BaseHist[Any]],
    *,
    signals: Mapping[str, BaseHist[Any]] | None = None,
    data: BaseHist[Any] | None = None,
    label: Label = SIMULATION,
    text: str = "",
) -> Figure:
    """Draw stacked expected events, the largest process on top. With data, also draw the ratio to the expectation.

    Parameters
    ----------
    backgrounds : mapping of str to hist.BaseHist
        By process, scaled to the luminosity of `label`. The smallest are merged so that `MOST_CURVES` remain.
    signals : mapping of str to hist.BaseHist, optional
        Drawn as lines.
    data : hist.BaseHist, optional
        Observed events.
    label : Label
        Text above the frame.
    text : str
        Description in the upper left corner.
    """
    below: Axes | None = None
    if data is None:
        figure, main = one_panel(label)
    else:
        figure, main, below = two_panels(label)
    parts = _merged({name: Bins.of(histogram, "Events") for name, histogram in backgrounds.items()})
    lines = {name: Bins.of(histogram, "Events") for name, histogram in (signals or {}).items()}
    observed = None if data is None else Bins.of(data, "Events")
    first = next(iter(parts.values()))
    total = np.sum([bins.values for bins in parts.values()], axis=0)
    error = np.sqrt(np.sum([bins.errors**2 for bins in parts.values()], axis=0))
    fit_range(main, np.concatenate([total, *(bins.values for bins in lines.values())]))
    base = np.zeros_like(total)
    colors = colors_of(sorted(parts))
    for name, bins in parts.items():
        top = base + bins.values
        main.stairs(top, first.edges, baseline=base, fill=True, color=colors[name], label=tex_name(name))
        base = top
    main.stairs(total + error, first.edges, baseline=np.maximum(total - error, 0), label="stat. unc.", **HATCH)
    for name, bins in lines.items():
        shown = np.where(bins.values > 0, bins.values, np.nan) if main.get_yscale() == "log" else bins.values
        main.stairs(shown, bins.edges, baseline=None, color="black", linestyle="--", label=tex_name(name))
    if observed is not None and below is not None:
        _draw_data(main, below, observed, total, error)
        below.set(xlabel=first.quantity)
    else:
        main.set_xlabel(first.quantity)
    main.set(ylabel=first.per_bin, xlim=(first.edges[0], first.edges[-1]))
    note(main, text)
    handles, names = main.get_legend_handles_labels()
    main.legend(handles[::-1], names[::-1], loc="upper right", ncols=1 + (len(handles) > 3), fontsize="x-small")
    return figure


def _draw_data(main: Axes, below: Axes, observed: Bins, total: DoubleArray, error: DoubleArray) -> None:
    style_of_points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4, "linewidth": 1}
    centres = (observed.edges[1:] + observed.edges[:-1]) / 2
    seen = observed.values > 0
    main.errorbar(centres[seen], observed.values[seen], yerr=observed.errors[seen], label="Data", **style_of_points)
    expected = total > 0
    denominator = np.where(expected, total, 1)
    relative = np.where(expected, error / denominator, 0)
    below.stairs(1 + relative, observed.edges, baseline=1 - relative, **HATCH)
    below.axhline(1, color="black", linewidth=0.8)
    both = seen & expected
    ratio, ratio_error = observed.values[both] / total[both], observed.errors[both] / total[both]
    below.errorbar(centres[both], ratio, yerr=ratio_error, **style_of_points)
    below.set(ylabel="Data / expected", ylim=(0, 2))


def _merged(parts: Mapping[str, Bins]) -> dict[str, Bins]:
    """Sort processes from smallest to largest, and merge the smallest beyond `MOST_CURVES`."""
    ordered = sorted(parts, key=lambda name: parts[name].values.sum())
    small = ordered[: len(ordered) - MOST_CURVES + 1] if len(ordered) > MOST_CURVES else []
    if not small:
        return {name: parts[name] for name in ordered}
    first = parts[small[0]]
    values = np.sum([parts[name].values for name in small], axis=0)
    errors = np.sqrt(np.sum([parts[name].errors ** 2 for name in small], axis=0))
    other = Bins(first.edges, values, errors, first.quantity, first.entries)
    return {f"{len(small)} others": other} | {name: parts[name] for name in ordered if name not in small}
