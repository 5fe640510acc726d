"""Bins that are filled well enough for a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.statistics.yields import Yields

Bins = npt.NDArray[np.int64]


def merged_bins(regions: Mapping[str, Yields], least: float, name: str, *, also: Sequence[Yields] = ()) -> Bins:
    """Merge neighbouring bins, from the first on, until each has enough effective events in all regions.

    Parameters
    ----------
    regions : mapping of str to Yields
        By name, in the bins of a histogram.
    least : float
        Effective events of a bin.
    name : str
        For complaints.
    also : sequence of Yields
        Further ones to look at, in the same bins.

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
                "simulate more, loosen its cuts, or lower minimal_effective_events"
            )
    every = [*regions.values(), *also]
    n_bins = len(every[0].values)
    first_bins, start = [0], 0
    for end in range(1, n_bins):
        enough = all(
            _effective(yields, start, end) >= least and _effective(yields, end, n_bins) >= least for yields in every
        )
        if enough:
            first_bins.append(end)
            start = end
    return np.array(first_bins)


def _effective(yields: Yields, start: int, end: int) -> float:
    part = Yields(yields.values[start:end], yields.variances[start:end])
    return float(part.merged(np.zeros(1, np.int64)).effective_events[0])
