"""Merge bins until they have enough events for a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.statistics.yields import Yields


def merged_bins(regions: Mapping[str, Yields], positive: Sequence[Yields], least: float, name: str) -> IntArray:
    """Merge neighbouring bins, starting with the first, until each has enough events.

    Parameters
    ----------
    regions : mapping of str to Yields
        In the bins of a histogram. Each merged bin has enough effective events of every region.
    positive : sequence of Yields
        In the same bins. The sum of each in a merged bin is positive.
    least : float
        Minimal number of effective events in a bin.
    name : str
        Name for errors.

    Returns
    -------
    int64 [n_merged_bins]
        The first bin of each merged bin; the remaining bins at the end join the last one.

    Raises
    ------
    InputError
        If there are too few events even for a single bin.
    """
    for region, yields in regions.items():
        everything = yields.merged(np.zeros(1, np.int64)).effective_events[0]
        if everything < least:
            raise InputError(
                f"region {region!r} of {name} has {everything:.1f} effective events, but a bin needs {least:g}: "
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
