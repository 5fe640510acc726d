"""Signal injection tests: fit toys with a known signal strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import InputError
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.progress import tracked

STRENGTHS = (0.0, 1.0, 2.0)
"""In units of the expected limit."""
_QUANTILES = (0.16, 0.5, 0.84)
_AT_BOUND = 1e-3
_LARGE_BIAS, _SIGNIFICANT, _FEW = 0.2, 3.0, 20


@dataclass(frozen=True)
class Injection:
    """Fits of toys with one signal strength.

    Because mu is bounded at zero, its mean is biased for weak signals; the median is not.

    Parameters
    ----------
    injected : float
        True mu.
    fitted : float64 [n_toys]
        Best-fit mu of each toy whose fit converges.
    failed : int
        Number of toys whose fit does not converge.
    at_bound : float
        Fraction of fits with mu at zero.
    """

    injected: float
    fitted: DoubleArray
    failed: int
    at_bound: float

    @property
    def bias(self) -> float:
        """Median of the best-fit mu, minus the true mu."""
        return float(np.median(self.fitted)) - self.injected

    @property
    def bias_error(self) -> float:
        """Statistical error of the median."""
        return float(np.sqrt(np.pi / 2 / len(self.fitted)) * self.spread)

    @property
    def spread(self) -> float:
        """Half the width of the central 68% of the best-fit mu; its upper half only if zero truncates the lower."""
        low, middle, high = np.quantile(self.fitted, _QUANTILES)
        return float(high - middle if low <= 0 or self.at_bound > _QUANTILES[0] else (high - low) / 2)

    @property
    def remark(self) -> str | None:
        """A sentence about the bias if it is large and significant."""
        if len(self.fitted) < _FEW or abs(self.bias) <= max(_LARGE_BIAS * self.spread, _SIGNIFICANT * self.bias_error):
            return None
        return (
            f"signals injected with mu = {self.injected:.3g} have a bias of {self.bias:.2g} ± {self.bias_error:.2g}, "
            f"with a spread of {self.spread:.2g}: mu and its interval have the same bias"
        )


def inject(likelihood: Likelihood, limit: float, toys: int, seed: int) -> list[Injection]:
    """Fit toys without signal, with a signal at the expected limit, and with a signal at twice the limit.

    Parameters
    ----------
    likelihood : Likelihood
        Its model generates the toys, with all parameters at their prefit values. Auxiliary data are drawn as well.
    limit : float
        The expected limit on mu.
    toys : int
        Number of toys per signal strength.
    seed : int
        Random seed.

    Raises
    ------
    InputError
        If no fit converges for one of the signal strengths.
    """
    random = np.random.default_rng(seed)
    found = []
    for strength in STRENGTHS:
        injected = strength * limit
        start = np.array(likelihood.model.config.suggested_init(), dtype=np.float64)
        start[likelihood.poi] = injected
        fitted = []
        for _ in tracked(range(toys), f"toys with mu = {injected:.3g}"):
            toy = likelihood.toy(injected, random)
            try:
                fitted.append(toy.fit(start=start, errors=False).bestfit[likelihood.poi])
            except InputError:
                continue
        if not fitted:
            raise InputError(f"no fit of {toys} toys with mu = {injected:.3g} converges: the model cannot be tested")
        values = np.where(np.array(fitted) < _AT_BOUND * limit, 0.0, fitted)
        found.append(Injection(injected, values, toys - len(fitted), float(np.mean(values == 0))))
    return found
