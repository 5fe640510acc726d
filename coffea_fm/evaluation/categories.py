"""Which figures show a histogram with categories: one for each category axis that is worth one."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np
from hist import BaseHist


def is_category(axis: Any) -> bool:
    """Whether bins of the axis are names or labels rather than ranges of a number."""
    return isinstance(axis, hist.axis.StrCategory | hist.axis.IntCategory | hist.axis.Boolean)


def comparisons(histogram: BaseHist[Any]) -> dict[str, dict[str, BaseHist[Any]]]:
    """One-dimensional histograms to be drawn over one another.

    Parameters
    ----------
    histogram : hist.BaseHist
        With one axis that is a range of a number, and any number of category axes.

    Returns
    -------
    dict of str to dict of str to hist.BaseHist
        By category axis, then by category, summed over all other category axes; categories without entries are left
        out, and those of a growing axis, whose order is that of filling, are sorted. An axis with a single filled
        category is left out, and so is ``dataset`` where there is a ``truth`` to compare; if nothing remains, the sum
        of all categories stands under ``"all"``. Empty if the histogram has another number of numeric axes or no entry.
    """
    numeric = [index for index, axis in enumerate(histogram.axes) if not is_category(axis)]
    if len(numeric) != 1 or not np.any(histogram.values()):
        return {}
    compared: dict[str, dict[str, BaseHist[Any]]] = {}
    for index, axis in enumerate(histogram.axes):
        if is_category(axis):
            projection: Any = histogram.project(index, numeric[0])
            parts = {str(axis.value(at)): projection[at, :] for at in range(axis.size)}
            names = sorted(parts) if axis.traits.growth else list(parts)
            filled = {name: parts[name] for name in names if np.any(parts[name].values())}
            if len(filled) > 1:
                compared[axis.name or str(index)] = filled
    if "truth" in compared:
        compared.pop("dataset", None)
    return compared or {"all": {"all": histogram.project(numeric[0])}}
