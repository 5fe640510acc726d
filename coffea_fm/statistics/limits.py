"""Upper limits on the strength of a signal at 95% confidence level, by CLs (arXiv:1007.1727)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyhf
from scipy.optimize import brentq
from scipy.stats import norm

from coffea_fm.errors import InputError
from coffea_fm.statistics.likelihood import Likelihood, minuit

LEVEL = 0.05
BANDS = (-2, -1, 0, 1, 2)
_PRECISION = 3e-3
_OF_LARGEST = 1e4


@dataclass(frozen=True)
class Limit:
    """Upper limits on mu.

    Parameters
    ----------
    expected : tuple of float
        Without signal: what 2.3%, 16%, 50%, 84% and 97.7% of the experiments exclude.
    observed : float, optional
        What the data exclude.
    """

    expected: tuple[float, ...]
    observed: float | None = None

    @property
    def median(self) -> float:
        """The expected limit."""
        return self.expected[BANDS.index(0)]


def expected_limit(likelihood: Likelihood) -> Limit:
    """The limits that are expected without signal, from the Asimov data set.

    With ``q`` the profile likelihood ratio of mu on the Asimov data set, a fluctuation of N standard deviations gives
    ``CLs = (1 - Phi(sqrt(q) - N)) / Phi(N)``.

    Parameters
    ----------
    likelihood : Likelihood
        Its model; its data are not used.

    Raises
    ------
    InputError
        If no strength is excluded within the bounds of the fit.
    """
    asimov = likelihood.asimov(0.0)
    background = asimov.fit({asimov.poi: 0.0})

    @cache
    def root_of_q(mu: float) -> float:
        return float(np.sqrt(max(asimov.fit({asimov.poi: mu}, background.values).twice_nll - background.twice_nll, 0)))

    needed = [float(norm.isf(LEVEL * norm.cdf(band)) + band) for band in BANDS]
    low = high = likelihood.largest_mu / _OF_LARGEST
    while root_of_q(high) < needed[-1]:
        high *= 2
        if high > likelihood.largest_mu:
            raise InputError(
                f"no strength of the signal below {likelihood.largest_mu:.3g} can be excluded: is it like background?"
            )
    while root_of_q(low) > needed[0]:
        low /= 2
    found = []
    for root in needed:
        low = brentq(lambda mu, root=root: root_of_q(mu) - root, low, high, rtol=_PRECISION, xtol=_PRECISION * low)
        found.append(float(low))
        low *= 1 - 2 * _PRECISION
    return Limit(tuple(found))


def observed_limit(likelihood: Likelihood, expected: Limit) -> Limit:
    """The limit of the data of a likelihood, beside the expected ones."""
    with minuit():

        def excess(mu: float) -> float:
            return float(pyhf.infer.hypotest(mu, likelihood.data, likelihood.model, test_stat="qtilde")) - LEVEL

        low, high = expected.expected[0] / 4, 2 * expected.expected[-1]
        while excess(high) > 0:
            high *= 2
            if high > likelihood.largest_mu:
                raise InputError(f"the data exclude no strength of the signal below {likelihood.largest_mu:.3g}")
        while excess(low) < 0:
            low /= 2
        return Limit(expected.expected, float(brentq(excess, low, high, rtol=_PRECISION * 5)))
