"""Upper limits on the strength of a signal at 95% confidence level, by CLs (arXiv:1007.1727)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from coffea_fm.errors import InputError
from coffea_fm.statistics.likelihood import Fitted, Likelihood

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


class Profile:
    """The profile likelihood ratio of mu, ``q = -2 ln(L(mu) / L(best))``, zero where the best mu is larger.

    Parameters
    ----------
    likelihood : Likelihood
        Model and data.
    best : Fitted
        The fit with mu free, or without signal where it is known to be best.
    """

    def __init__(self, likelihood: Likelihood, best: Fitted) -> None:
        self.likelihood, self.best = likelihood, best
        self._known = {float(best.values[likelihood.poi]): best}

    def root(self, mu: float) -> float:
        """The square root of q."""
        poi = self.likelihood.poi
        if self.best.values[poi] >= mu:
            return 0.0
        if mu not in self._known:
            nearest = min(self._known, key=lambda known: abs(known - mu))
            self._known[mu] = self.likelihood.fit({poi: mu}, self._known[nearest].values, errors=False)
        return float(np.sqrt(max(self._known[mu].twice_nll - self.best.twice_nll, 0)))

    def above(self, needed: float, mu: float) -> float:
        """How far the square root of q is above a value."""
        return self.root(mu) - needed


def expected_limit(likelihood: Likelihood) -> Limit:
    """The limits that are expected without signal, from the Asimov data set.

    With ``q`` of this data set, a fluctuation of N standard deviations gives ``CLs = (1 - Phi(sqrt(q) - N)) / Phi(N)``.

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
    profile = Profile(asimov, asimov.fit({asimov.poi: 0.0}))
    found: list[float] = []
    start = likelihood.largest_mu / _OF_LARGEST
    for band in BANDS:
        needed = float(norm.isf(LEVEL * norm.cdf(band)) + band)
        found.append(_crossing(partial(profile.above, needed), start, likelihood.largest_mu))
        start = found[-1]
    return Limit(tuple(found))


def observed_limit(likelihood: Likelihood, expected: Limit) -> Limit:
    """The limit of the data of a likelihood, beside the expected ones; the test statistic is q-tilde.

    Raises
    ------
    InputError
        If the data exclude no strength within the bounds of the fit.
    """
    background = likelihood.fit({likelihood.poi: 0.0})
    free = likelihood.fit(start=background.values)
    data = Profile(likelihood, free if free.twice_nll < background.twice_nll else background)
    asimov = likelihood.asimov(0.0, background)
    without_signal = Profile(asimov, asimov.fit({asimov.poi: 0.0}, background.values))

    def excess(mu: float) -> float:
        return LEVEL - cls(data.root(mu), without_signal.root(mu))

    return Limit(expected.expected, _crossing(excess, expected.median, likelihood.largest_mu))


def cls(root: float, root_asimov: float) -> float:
    """CLs from the square roots of q-tilde of the data and of the Asimov data set without signal (asymptotic formulae)."""
    if root_asimov == 0:
        return 1.0
    if root <= root_asimov:
        return float(norm.sf(root) / norm.sf(root - root_asimov))
    both, difference = ((root**2 + sign * root_asimov**2) / (2 * root_asimov) for sign in (1, -1))
    return float(norm.sf(both) / norm.sf(difference))


def _crossing(function: Callable[[float], float], start: float, largest: float) -> float:
    """Where a rising function of mu is zero."""
    low = high = start
    while function(high) < 0:
        low, high = high, 2 * high
        if high > largest:
            raise InputError(f"no strength of the signal below {largest:.3g} can be excluded: is it like background?")
    while function(low) > 0:
        low, high = low / 2, low
    return float(brentq(function, low, high, rtol=_PRECISION, xtol=_PRECISION * low))
