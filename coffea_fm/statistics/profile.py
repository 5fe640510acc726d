"""The profile likelihood ratio of the signal strength, and its confidence interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cabinetry.fit.results_containers import FitResults
from scipy.optimize import brentq

from coffea_fm.errors import InputError
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.simulated import POI

_PRECISION = 3e-3


class Profile:
    """The profile likelihood ratio of mu, ``q = -2 ln(L(mu) / L(best))``.

    Parameters
    ----------
    likelihood : Likelihood
        Model and data.
    best : cabinetry.fit.FitResults
        The fit with mu free, or without signal if that is known to be best.
    """

    def __init__(self, likelihood: Likelihood, best: FitResults) -> None:
        self.likelihood, self.best = likelihood, best
        self.best_mu = float(best.bestfit[likelihood.poi])
        self._known = {self.best_mu: best}

    def distance(self, mu: float) -> float:
        """The square root of q: distance of mu from its best fit in standard deviations."""
        if mu not in self._known:
            nearest = min(self._known, key=lambda known: abs(known - mu))
            start = self._known[nearest].bestfit
            self._known[mu] = self.likelihood.fit({self.likelihood.poi: mu}, start, errors=False)
        return float(np.sqrt(max(self._known[mu].best_twice_nll - self.best.best_twice_nll, 0)))

    def root(self, mu: float) -> float:
        """The square root of q, zero if the best-fit mu is larger: the test statistic of an upper limit."""
        return 0.0 if self.best_mu >= mu else self.distance(mu)

    def above(self, needed: float, mu: float) -> float:
        """Difference between `root` and a value."""
        return self.root(mu) - needed


def with_interval(likelihood: Likelihood, fitted: FitResults) -> FitResults:
    """Add the MINOS interval of mu to a fit, where q is below one; mu is bounded at zero.

    Close to the bound, the symmetric error of the Hesse matrix is not valid.

    Raises
    ------
    InputError
        If q stays below one up to the upper bound of mu.
    """
    profile = Profile(likelihood, fitted)
    mu, error = profile.best_mu, float(fitted.uncertainty[likelihood.poi])
    high = rising_root(lambda value: profile.above(1, value), mu + error, likelihood.largest_mu)
    low = 0.0
    if mu > 0 and profile.distance(0.0) > 1:
        low = float(brentq(lambda value: profile.distance(value) - 1, 0.0, mu, rtol=_PRECISION))
    return fitted._replace(minos_uncertainty={POI: (low - mu, high - mu)})


def rising_root(function: Callable[[float], float], start: float, largest: float) -> float:
    """Find the positive root of a rising function of mu, to a relative precision of 0.3%.

    Parameters
    ----------
    function : callable
        Function of mu; negative for small mu.
    start : float
        First value to try.
    largest : float
        Largest value to try.

    Raises
    ------
    InputError
        If the function is negative even at `largest`.
    """
    low = high = start
    while function(high) < 0:
        low, high = high, 2 * high
        if high > largest:
            raise InputError(f"no signal strength below {largest:.3g} can be excluded: is it like background?")
    while function(low) > 0:
        low, high = low / 2, low
    return float(brentq(function, low, high, rtol=_PRECISION, xtol=_PRECISION * low))
