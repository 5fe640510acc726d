"""Check that histograms of a pickle have as many numbers as their axes have bins."""

from __future__ import annotations

import math
from typing import Any, Final

from coffea_fm.untrusted.refused import Refused

_MODULE: Final = "boost_histogram._core.hist"


def check_histogram(built: Any) -> None:
    """Refuse a histogram whose storage does not fit its axes: boost-histogram would read beyond its memory.

    Parameters
    ----------
    built : object
        Whatever a pickle has just built; only the histograms of boost-histogram's core are looked at.
    """
    if type(built).__module__ != _MODULE:
        return
    bins = [built.axis(index).extent for index in range(built.rank())]
    if min(bins, default=0) < 0 or built.size() != math.prod(bins):
        raise Refused("it has a histogram whose content does not fit its axes")
