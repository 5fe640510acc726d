"""The histograms that the fit uses: yields by process, variation and region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hist

PROCESS, VARIATION, REGION, VALUE = AXES = ("process", "variation", "region", "value")
"""Names of the axes, in order: three category axes, and the variable to fit."""
NOMINAL = "nominal"
"""The nominal variation; systematics are NAME_up and NAME_down, or only NAME."""
DATA = "data"
"""The process name of data and pseudo-data."""


def region_histogram(regions: Sequence[str], value: Any) -> hist.Hist[Any]:
    """Create an empty weighted histogram with the axes `AXES`.

    Parameters
    ----------
    regions : sequence of str
        All regions of the category.
    value : hist.axis
        Axis of the variable to fit; its name must be ``value``.
    """
    return hist.Hist(
        hist.axis.StrCategory([], growth=True, name=PROCESS),
        hist.axis.StrCategory([], growth=True, name=VARIATION),
        hist.axis.StrCategory(regions, name=REGION),
        value,
        storage=hist.storage.Weight(),
        label="Events",
    )
