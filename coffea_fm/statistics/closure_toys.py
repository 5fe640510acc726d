"""The p-value of a closure test, from toys: with few events per bin, chi-squared does not follow its asymptotic form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.statistics.yields import Yields


class Regions(NamedTuple):
    """The regions of the ABCD method, ``A = C B / D``; A and C have the same bins."""

    A: Yields
    B: Yields
    C: Yields
    D: Yields


class _Sums(NamedTuple):
    """Sums of weights: A and C by bin, float64 [n, n_bins]; B and D in total, float64 [n, 1]."""

    A: DoubleArray
    B: DoubleArray
    C: DoubleArray
    D: DoubleArray


def p_value(regions: Regions, toys: int, random: np.random.Generator) -> float:
    """Compute the p-value of the closure hypothesis.

    Toys are drawn from the expectation of the four regions under closure: Poisson numbers of events, with the mean
    weight of the events in the bin.

    Parameters
    ----------
    regions : Regions
        Regions B, C and D must not be empty.
    toys : int
        Number of toys.
    random : numpy.random.Generator
        Random generator of the toys.

    Returns
    -------
    float
        At least ``1 / (toys + 1)``.
    """
    together = np.zeros(1, np.int64)
    a, c = regions.A, regions.C
    b, d = (region.merged(together) for region in (regions.B, regions.D))
    weights = _Sums(_weights(a, like=c), _weights(b, like=b), _weights(c, like=c), _weights(d, like=d))
    seen = _Sums(*(np.maximum(region.values, 0)[np.newaxis] for region in (a, b, c, d)))
    drawn = _Sums(
        *(
            weight * random.poisson(mean / weight, (toys, mean.shape[1]))
            for mean, weight in zip(_closing(seen, weights), weights, strict=True)
        )
    )
    as_far = _chi_squared(drawn, weights) >= (1 - 1e-9) * _chi_squared(seen, weights)
    return float((1 + np.count_nonzero(as_far)) / (1 + toys))


def _weights(yields: Yields, like: Yields) -> DoubleArray:
    """Mean event weight in each bin. In empty bins, that of all bins, or of another region."""
    of_all = yields if yields.total > 0 else like
    filled = (yields.values > 0) & (yields.variances > 0)
    overall = float(of_all.variances.sum()) / of_all.total
    return np.where(filled, yields.variances / np.where(filled, yields.values, 1), overall)


def _closing(sums: _Sums, weights: _Sums) -> _Sums:
    """Expectation of each region if A / C equals B / D, from all four regions."""
    a, b, c, d = sums
    transfer = (a.sum(axis=1, keepdims=True) + b) / (c.sum(axis=1, keepdims=True) + d)
    shape = (a / weights.A + c / weights.C) / (transfer / weights.A + 1 / weights.C)
    reference = (b / weights.B + d / weights.D) / (transfer / weights.B + 1 / weights.D)
    return _Sums(transfer * shape, transfer * reference, shape, reference)


def _chi_squared(sums: _Sums, weights: _Sums) -> DoubleArray:
    """Chi-squared of ``A - C B / D`` with its expected covariance; float64 [n].

    The error of B / D is fully correlated between the bins. The covariance is therefore a diagonal matrix plus an outer
    product, which has a closed-form inverse.
    """
    expected = _closing(sums, weights)
    transfer = expected.B / expected.D
    difference = sums.A - sums.C * sums.B / np.maximum(sums.D, weights.D)
    variances = weights.A * expected.A + transfer**2 * weights.C * expected.C
    inverse = np.where(variances > 0, 1 / np.where(variances > 0, variances, 1), 0)
    common = np.sqrt(weights.B / np.maximum(expected.B, weights.B) + weights.D / expected.D) * expected.A
    along, length = ((part * common * inverse).sum(axis=1) for part in (difference, common))
    return np.asarray((difference**2 * inverse).sum(axis=1) - along**2 / (1 + length))
