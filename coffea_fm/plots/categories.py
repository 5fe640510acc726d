"""Choose the figures of a histogram: what to compare, from the names of its axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import hist
import numpy as np
from hist import BaseHist

from coffea_fm.errors import InputError
from coffea_fm.plots.names import tex_name
from coffea_fm.plots.style import MOST_CURVES

NOMINAL = "nominal"
VARIATIONS = ("variation", "variations", "systematic", "systematics", "syst")
"""Axes whose categories are variations of the same events."""
PROCESSES = ("process", "dataset", "sample")
"""Axes whose categories are different events, which can be stacked."""

MOST_VARIATIONS = MOST_CURVES - 1
"""Maximum number of variations in one figure."""

Parts = dict[str, BaseHist[Any]]


@dataclass(frozen=True)
class Comparison:
    """Histograms to compare in one figure.

    Parameters
    ----------
    kind : {"shapes", "processes", "variations"}
        Relation between the categories.
    name : str
        Suffix of the figure name, such as ``truth``.
    by : str
        Title of the legend.
    parts : dict of str to hist.BaseHist
        One-dimensional histograms by category; for variations the nominal one comes first.
    """

    kind: Literal["shapes", "processes", "variations"]
    name: str
    by: str
    parts: Parts


def source_of(variation: str) -> str:
    """Source of a variation: its name without up or down."""
    return re.sub("_?(up|down)$", "", variation, flags=re.IGNORECASE)


def is_category(axis: Any) -> bool:
    """Whether the bins of an axis are categories rather than numeric ranges."""
    return isinstance(axis, hist.axis.StrCategory | hist.axis.IntCategory | hist.axis.Boolean)


def comparisons(histogram: BaseHist[Any]) -> list[Comparison]:
    """Choose the comparisons to draw.

    Parameters
    ----------
    histogram : hist.BaseHist
        With one numeric axis and any number of category axes.

    Returns
    -------
    list of Comparison
        One for each category axis with several filled categories, summed over the other axes (of variations, only
        the nominal one is used). Categories without entries are left out. Categories of a growing axis are sorted,
        because their order is that of filling. Processes are left out if true classes are compared. If nothing
        remains, the sum of all categories is drawn.

    Raises
    ------
    InputError
        If the histogram does not have exactly one numeric axis, or has no entries.
    """
    numeric = [axis for axis in histogram.axes if not is_category(axis)]
    if len(numeric) != 1:
        raise InputError(f"it has {len(numeric)} axes besides categories, but a figure needs exactly one")
    if not np.any(histogram.values()):
        raise InputError("it has no entries" + (" in range" if np.any(histogram.values(flow=True)) else ""))
    varied = _variation_axis(histogram)
    found = [] if varied is None else _variations(histogram, varied)
    nominal: Any = histogram if varied is None else _at(histogram, varied, NOMINAL)
    for at, axis in enumerate(nominal.axes):
        parts = _filled(nominal, at) if is_category(axis) else {}
        if len(parts) > 1:
            name = axis.name or str(at)
            found.append(Comparison("processes" if name in PROCESSES else "shapes", name, axis.label or name, parts))
    if any(comparison.name == "truth" for comparison in found):
        found = [comparison for comparison in found if comparison.kind != "processes"]
    return found or [Comparison("shapes", "all", "", {"all": nominal.project(_numeric(nominal))})]


def _variations(histogram: BaseHist[Any], varied: int) -> list[Comparison]:
    """Compare variations to the nominal histogram, each summed over the processes that have both."""
    by_processes: dict[tuple[str, ...], list[str]] = {}
    processes = next((at for at, axis in enumerate(histogram.axes) if axis.name in PROCESSES), None)
    nominal = _processes(_at(histogram, varied, NOMINAL))
    for name in sorted(_names(histogram.axes[varied])):
        common = tuple(key for key in _processes(_at(histogram, varied, name)) if key in nominal)
        if name != NOMINAL and common:
            by_processes.setdefault(common, []).append(name)
    found: list[Comparison] = []
    for common, names in by_processes.items():
        chosen = histogram if processes is None else _sum(histogram, processes, common)
        axis = varied if processes is None or processes > varied else varied - 1
        for group in _groups(names):
            parts = {name: _at(chosen, axis, name) for name in (NOMINAL, *group)}
            parts = {name: part.project(_numeric(part)) for name, part in parts.items()}
            number = len(found) + 1
            text = ", ".join(map(tex_name, common)) if processes is not None else ""
            found.append(Comparison("variations", f"variation_{number}", text, parts))
    return found


def _groups(names: Sequence[str]) -> list[list[str]]:
    """Group variations into figures; up and down of a source stay together."""
    sources: dict[str, list[str]] = {}
    for name in names:
        sources.setdefault(source_of(name), []).append(name)
    groups: list[list[str]] = [[]]
    for varied in sources.values():
        if groups[-1] and len(groups[-1]) + len(varied) > MOST_VARIATIONS:
            groups.append([])
        groups[-1] += varied
    return groups


def _processes(histogram: Any) -> Sequence[str]:
    """Filled processes; without a process axis, a single unnamed one if there are entries."""
    for at, axis in enumerate(histogram.axes):
        if axis.name in PROCESSES:
            return list(_filled(histogram, at))
    return [""] if np.any(histogram.values()) else []


def _sum(histogram: Any, axis: int, categories: Sequence[str]) -> Any:
    first, *others = (_at(histogram, axis, category) for category in categories)
    return sum(others, start=first)


def _variation_axis(histogram: BaseHist[Any]) -> int | None:
    for at, axis in enumerate(histogram.axes):
        if axis.name in VARIATIONS and is_category(axis) and NOMINAL in _names(axis) and axis.size > 1:
            return at
    return None


def _filled(histogram: Any, at: int) -> Parts:
    projection = histogram.project(at, _numeric(histogram))
    axis = histogram.axes[at]
    parts = {str(axis.value(index)): projection[index, :] for index in range(axis.size)}
    names = sorted(parts) if axis.traits.growth else list(parts)
    return {name: parts[name] for name in names if np.any(parts[name].values())}


def _at(histogram: Any, axis: int, category: str) -> Any:
    return histogram[{axis: _names(histogram.axes[axis]).index(category)}]


def _names(axis: Any) -> list[str]:
    return [str(axis.value(index)) for index in range(axis.size)]


def _numeric(histogram: Any) -> int:
    return next(at for at, axis in enumerate(histogram.axes) if not is_category(axis))
