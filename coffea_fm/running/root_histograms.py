"""Write histograms to ROOT: one TH1, TH2 or TH3 per combination of categories."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from hist import BaseHist

from coffea_fm.errors import InputError
from coffea_fm.names import KEY, safe_name
from coffea_fm.plots.categories import is_category

_INTEGERS = (hist.storage.Int64, hist.storage.AtomicInt64, hist.storage.Unlimited)


def root_objects(name: str, histogram: BaseHist[Any]) -> dict[str, Any]:
    """Split a histogram into objects that ROOT can store.

    Parameters
    ----------
    name : str
        Path in the ROOT file.
    histogram : hist.BaseHist
        With any number of category axes and one to three others.

    Returns
    -------
    dict of str to hist.BaseHist
        By path: `name`, followed by the category of each category axis. Empty combinations are left out,
        unless all are empty.

    Raises
    ------
    InputError
        If the number of axes that are not categories is not one to three.
    """
    categories = {index: axis for index, axis in enumerate(histogram.axes) if is_category(axis)}
    dimensions = histogram.ndim - len(categories)
    if not 1 <= dimensions <= 3:
        raise InputError(f"it has {dimensions} axes besides categories, but ROOT supports one to three")
    objects = {}
    for choice in product(*(range(axis.size) for axis in categories.values())):
        part: Any = histogram[dict(zip(categories, choice, strict=True))] if categories else histogram
        labels = [safe_name(str(axis.value(at)), KEY) for axis, at in zip(categories.values(), choice, strict=True)]
        if not categories or np.any(part.view(flow=True) != np.zeros_like(part.view(flow=True))):
            objects["/".join([name, *labels])] = _with_numbers(part)
    if not objects:
        raise InputError("it has no entries in any category")
    return objects


def write_root(path: Path, histograms: Mapping[str, BaseHist[Any]]) -> dict[str, str]:
    """Write histograms to a ROOT file.

    Returns
    -------
    dict of str to str
        Why a histogram could not be written, by name.
    """
    left_out = {}
    with uproot.recreate(path) as file, np.errstate(invalid="ignore"):  # of means over infinite edges
        for name, histogram in histograms.items():
            try:
                for key, value in root_objects(name, histogram).items():
                    file[key] = value
            except Exception as error:  # noqa: BLE001 - each kind of axis and storage fails in its own way
                left_out[name] = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    return left_out


def _with_numbers(histogram: Any) -> Any:
    """Convert counts to a storage that ROOT supports."""
    if not isinstance(histogram.storage_type(), _INTEGERS):
        return histogram
    counted: Any = hist.Hist(*histogram.axes, storage=hist.storage.Double())
    counted.view(flow=True)[...] = histogram.view(flow=True)
    return counted
