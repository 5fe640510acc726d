"""The histogram that an analysis hands to the fit: yields by process, variation and region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hist

PROCESS, VARIATION, REGION, VALUE = AXES = ("process", "variation", "region", "value")
"""Names of its axes, in their order: three of categories, and the distribution that is fitted."""
NOMINAL = "nominal"
"""The variation under which everything is filled; systematics are NAME_up and NAME_down, or NAME alone."""
DATA = "data"
"""The process that stands for data, real or pseudo."""


def region_histogram(regions: Sequence[str], value: Any) -> hist.Hist[Any]:
    """An empty histogram with the axes of `AXES` and weights.

    Parameters
    ----------
    regions : sequence of str
        All regions of the category.
    value : hist.axis
        The distribution; it must be named ``value``.
    """
    return hist.Hist(
        hist.axis.StrCategory([], growth=True, name=PROCESS),
        hist.axis.StrCategory([], growth=True, name=VARIATION),
        hist.axis.StrCategory(regions, name=REGION),
        value,
        storage=hist.storage.Weight(),
        label="Events",
    )
