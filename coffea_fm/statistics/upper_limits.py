"""Upper limits on the signal strength at 95% confidence level, by CLs (arXiv:1007.1727)."""

from __future__ import annotations

from functools import partial

import numpy as np
from cabinetry.fit.results_containers import LimitResults
from scipy.stats import norm

from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.profile import Profile, rising_root
from coffea_fm.statistics.progress import tracked

LEVEL = 0.05
BANDS = (-2, -1, 0, 1, 2)
_OF_LARGEST = 1e4


def median(limit: LimitResults) -> float:
    """The expected limit on mu."""
    return float(limit.expected_limit[BANDS.index(0)])


def expected_limit(likelihood: Likelihood) -> LimitResults:
    """Compute the expected limits without signal, from the Asimov data set.

    With ``q`` of this data set, a fluctuation of N standard deviations gives ``CLs = (1 - Phi(sqrt(q) - N)) / Phi(N)``.

    Parameters
    ----------
    likelihood : Likelihood
        Only its model is used, not its data.

    Returns
    -------
    cabinetry.fit.LimitResults
        Limits of the -2, -1, 0, +1 and +2 sigma quantiles (2.3%, 16%, 50%, 84%, 97.7%), with CLs; observed limit NaN.

    Raises
    ------
    InputError
        If no signal strength is excluded within the bounds of the fit.
    """
    asimov = likelihood.asimov(0.0)
    profile = Profile(asimov, asimov.fit({asimov.poi: 0.0}))
    found: list[float] = []
    start = likelihood.largest_mu / _OF_LARGEST
    for band in tracked(BANDS, "expected limits"):
        needed = float(norm.isf(LEVEL * norm.cdf(band)) + band)
        found.append(rising_root(partial(profile.above, needed), start, likelihood.largest_mu))
        start = found[-1]
    roots, bands = np.array([profile.root(mu) for mu in found]), np.array(BANDS)
    levels = norm.sf(roots[:, np.newaxis] - bands) / norm.cdf(bands)
    limits = np.array(found)
    return LimitResults(np.nan, limits, np.full(len(limits), np.nan), levels, limits, 1 - LEVEL)


def observed_limit(likelihood: Likelihood, expected: LimitResults) -> LimitResults:
    """Add the observed limit of the data to the expected limits. The test statistic is q-tilde.

    Raises
    ------
    InputError
        If the data exclude no signal strength within the bounds of the fit.
    """
    background = likelihood.fit({likelihood.poi: 0.0})
    free = likelihood.fit(start=background.bestfit)
    data = Profile(likelihood, free if free.best_twice_nll < background.best_twice_nll else background)
    asimov = likelihood.asimov(0.0, background)
    without_signal = Profile(asimov, asimov.fit({asimov.poi: 0.0}, background.bestfit))

    def level(mu: float) -> float:
        return cls(data.root(mu), without_signal.root(mu))

    observed = rising_root(lambda mu: LEVEL - level(mu), median(expected), likelihood.largest_mu)
    return expected._replace(observed_limit=observed, observed_CLs=np.array([level(mu) for mu in expected.poi_values]))


def cls(root: float, root_asimov: float) -> float:
    """Asymptotic CLs from the square roots of q-tilde of the data and of the Asimov data set without signal."""
    if root_asimov == 0:
        return 1.0
    if root <= root_asimov:
        return float(norm.sf(root) / norm.sf(root - root_asimov))
    both, difference = ((root**2 + sign * root_asimov**2) / (2 * root_asimov) for sign in (1, -1))
    return float(norm.sf(both) / norm.sf(difference))
