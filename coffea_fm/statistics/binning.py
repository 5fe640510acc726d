"""Bins that are filled well enough for a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.statistics.yields import Yields


def merged_bins(regions: Mapping[str, Yields], positive: Sequence[Yields], least: float, name: str) -> IntArray:
    """Merge neighbouring bins, from the first on, until each is filled well enough.

    Parameters
    ----------
    regions : mapping of str to Yields
        By name, in the bins of a histogram: each bin is to have enough effective events of all of them.
    positive : sequence of Yields
        In the same bins: each is to have more than nothing of all of them.
    least : float
        Effective events of a bin.
    name : str
        For complaints.

    Returns
    -------
    int64 [n_merged_bins]
        The first bin of each merged one; what remains at the end joins the last.

    Raises
    ------
    InputError
        If even one bin of everything has too few.
    """
    for region, yields in regions.items():
        everything = yields.merged(np.zeros(1, np.int64)).effective_events[0]
        if everything < least:
            raise InputError(
                f"region {region!r} of {name} has {everything:.1f} effective events, and a bin of the fit needs {least:g}: "
                "simulate more, loosen its cuts, lower minimal_effective_events, or leave its plane out of the settings"
            )
    n_bins = len(next(iter(regions.values())).values)
    first_bins, start = [0], 0
    for end in range(1, n_bins):
        parts = (slice(start, end), slice(end, n_bins))
        if all(_effective(yields, part) >= least for yields in regions.values() for part in parts) and all(
            yields.values[part].sum() > 0 for yields in positive for part in parts
        ):
            first_bins.append(end)
            start = end
    return np.array(first_bins)


def _effective(yields: Yields, part: slice) -> float:
    inside = Yields(yields.values[part], yields.variances[part])
    return float(inside.merged(np.zeros(1, np.int64)).effective_events[0])
