"""Histograms to ROOT: one TH1, TH2 or TH3 for each combination of categories."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from hist import BaseHist

from coffea_fm.errors import InputError
from coffea_fm.plots.categories import is_category


def root_objects(name: str, histogram: BaseHist[Any]) -> dict[str, Any]:
    """What ROOT can hold of one histogram.

    Parameters
    ----------
    name : str
        Path in the ROOT file.
    histogram : hist.BaseHist
        With any number of category axes and one to three others.

    Returns
    -------
    dict of str to hist.BaseHist
        By path: `name`, followed by the category of each category axis. Combinations without entries are left out.

    Raises
    ------
    InputError
        If it has no axis that is not a category, or more than three.
    """
    categories = {index: axis for index, axis in enumerate(histogram.axes) if is_category(axis)}
    dimensions = histogram.ndim - len(categories)
    if not 1 <= dimensions <= 3:
        raise InputError(f"the histogram {name!r} has {dimensions} axes besides categories; ROOT holds one to three")
    objects = {}
    for choice in product(*(range(axis.size) for axis in categories.values())):
        part: Any = histogram[dict(zip(categories, choice, strict=True))] if categories else histogram
        labels = [_folder(axis.value(at)) for axis, at in zip(categories.values(), choice, strict=True)]
        if np.any(part.values(flow=True)):
            objects["/".join([name, *labels])] = part
    return objects


def write_root(path: Path, histograms: Mapping[str, BaseHist[Any]]) -> list[str]:
    """Write histograms to a ROOT file.

    Returns
    -------
    list of str
        Names of histograms that ROOT cannot hold.
    """
    left_out = []
    with uproot.recreate(path) as file:
        for name, histogram in histograms.items():
            try:
                objects = root_objects(name, histogram)
            except InputError:
                left_out.append(name)
                continue
            for key, value in objects.items():
                file[key] = value
    return left_out


def _folder(category: object) -> str:
    return str(category).replace("/", "_") or "none"
