"""Check that the histograms of an output have as many numbers as their axes have bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import boost_histogram as bh
import numpy as np

from coffea_fm.untrusted.refused import Refused


def check_histograms(content: Any) -> None:
    """Refuse histograms whose storage does not fit their axes: reading them would leave their memory.

    Parameters
    ----------
    content : object
        Mappings, lists, tuples and sets are followed.
    """
    seen: set[int] = set()
    below = [content]
    while below:
        value = below.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            below += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            below += value
        elif isinstance(value, np.ndarray) and value.dtype.hasobject:
            below += value.ravel().tolist()
        elif isinstance(value, bh.Histogram):
            _check(value)


def _check(histogram: Any) -> None:
    made = histogram.__dict__.get("_hist")
    if made is None:
        raise Refused("it has a histogram without content")
    if made._storage_type is bh.storage.Unlimited:
        return
    bins = math.prod(axis.extent for axis in histogram.axes)
    if np.shape(made.view(True)) != tuple(axis.extent for axis in histogram.axes) or made.size() != bins:
        raise Refused("it has a histogram whose content does not fit its axes")
