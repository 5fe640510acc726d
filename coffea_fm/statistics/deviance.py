"""Twice the negative log-likelihood of a pyhf model as a sum of squares: what a least-squares fit minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.arrays import BoolArray, DoubleArray

_NOTHING = 1e-9
_CLOSE = 1e-7
"""Relative difference of expectation and count below which a Poisson distribution is a Gaussian one."""


@dataclass(frozen=True)
class Deviance:
    """Distributions of the data of a model.

    Parameters
    ----------
    poisson : bool [n_data]
        Whether a number is a count; otherwise it has a Gaussian distribution.
    width : float64 [n_data]
        Width of the Gaussian distributions, one for counts.
    """

    poisson: BoolArray
    width: DoubleArray

    @classmethod
    def of(cls, model: Any) -> Deviance:
        """The bins are counts, auxiliary data either."""
        config = model.config
        poisson, width = [np.ones(config.nmaindata, np.bool_)], [np.ones(config.nmaindata)]
        for parameter in map(config.param_set, config.auxdata_order):
            counts = parameter.pdf_type == "poisson"
            poisson.append(np.full(parameter.n_parameters, counts))
            width.append(np.ones(parameter.n_parameters) if counts else np.array(parameter.width(), np.float64))
        return cls(np.concatenate(poisson), np.concatenate(width))

    def residuals(self, expected: DoubleArray, seen: DoubleArray) -> DoubleArray:
        """Signed square root of twice the log-likelihood ratio to the saturated model, float64 [n_data].

        Poisson terms are computed from differences: with millions of events, the log-likelihood itself would have too
        few significant digits.
        """
        return self._terms(expected, seen)[0]

    def slopes(self, expected: DoubleArray, seen: DoubleArray) -> DoubleArray:
        """Derivatives of the residuals with respect to the expectation, float64 [n_data]."""
        return self._terms(expected, seen)[1]

    def curvature(self, expected: DoubleArray, seen: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """First and second derivative of the sum of squares with respect to the expectation, float64 [n_data] each."""
        mean = np.where(self.poisson, np.maximum(expected, _NOTHING), 1)
        first = np.where(self.poisson, 2 * (1 - seen / mean), 2 * (expected - seen) / self.width**2)
        second = np.where(self.poisson, 2 * seen / mean**2, 2 / self.width**2)
        return first, second

    def _terms(self, expected: DoubleArray, seen: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        mean = np.where(self.poisson, np.maximum(expected, _NOTHING), 1)
        counted = self.poisson & (seen > 0)
        count = np.where(counted, seen, 1)
        change = np.where(counted, (mean - count) / count, 0)
        close = np.abs(change) < _CLOSE
        half = np.where(counted, count * (change - np.log1p(change)), mean)
        exact = np.where(counted, np.sign(change), 1) * np.sqrt(2 * np.maximum(half, 0))
        gaussian = counted & close
        poisson = np.where(gaussian, change * np.sqrt(count), exact)
        slope = (1 - np.where(counted, count, 0) / mean) / np.where(gaussian | (exact == 0), 1, exact)
        return (
            np.where(self.poisson, poisson, (expected - seen) / self.width),
            np.where(self.poisson, np.where(gaussian, 1 / np.sqrt(count), slope), 1 / self.width),
        )
