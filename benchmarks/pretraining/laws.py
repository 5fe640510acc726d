"""Fits of power laws, ``L(x) = floor + scale (x / x0)^-beta``, with errors from repeated fits to fluctuated points."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeWarning, curve_fit

Floats = npt.NDArray[np.float64]
REPETITIONS = 300
LARGEST_BETA = 3.0
RESOLVED = 2.0
"""An exponent is resolved if it exceeds so many times its error, and ends at no bound of the fit."""


@dataclass(frozen=True)
class Law:
    """A fitted law.

    Parameters
    ----------
    reference : float
        x0, the geometric mean of the fitted x.
    best : float64 array of shape [3]
        floor, scale and beta.
    samples : float64 array of shape [n, 3]
        The same of points fluctuated by their errors.
    """

    reference: float
    best: Floats
    samples: Floats

    @property
    def beta(self) -> tuple[float, float]:
        """Exponent and half of its central 68% interval."""
        return float(self.best[2]), half_width(self.samples[:, 2])

    @property
    def floor(self) -> tuple[float, float]:
        """What is reached at infinite x, and its error."""
        return float(self.best[0]), half_width(self.samples[:, 0])

    @property
    def resolved(self) -> bool:
        """Whether the points show a power and a floor: one at a bound would make the other seem better known than it is."""
        beta, error = self.beta
        floor, exponent = self.samples[:, 0], self.samples[:, 2]
        inside = np.mean((floor > 1e-6) & (exponent > 0.01) & (exponent < 0.99 * LARGEST_BETA))
        return bool(beta > RESOLVED * error and beta < 0.99 * LARGEST_BETA and inside > 0.9)

    def __call__(self, x: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        """The law, and the lower and upper end of its central 68% interval, each of the shape of x."""
        place = np.asarray(x, np.float64) / self.reference
        curves = np.stack([power(place, *sample) for sample in self.samples])
        lower, upper = np.quantile(curves, [0.16, 0.84], axis=0)
        return power(place, *self.best), lower, upper


def power(x: Floats, floor: float, scale: float, beta: float) -> Floats:
    """The law in units of x0."""
    return np.asarray(floor + scale * x**-beta)


def half_width(values: Floats) -> float:
    """Half of the central 68% interval."""
    lower, upper = np.quantile(values, [0.16, 0.84])
    return float((upper - lower) / 2)


def fit(x: npt.ArrayLike, y: npt.ArrayLike, error: npt.ArrayLike, seed: int = 0, repetitions: int = REPETITIONS) -> Law:
    """Fit a law to at least three points, such as losses or fractions of errors, which cannot be negative.

    Parameters
    ----------
    x, y, error : array of shape [n]
        Points and the standard errors of y.
    seed, repetitions : int
        Of the fluctuated points.
    """
    x, y, error = (np.asarray(values, np.float64) for values in (x, y, error))
    reference = float(np.exp(np.log(x).mean()))
    random = np.random.default_rng(seed)
    span = max(float(np.ptp(y)), 1e-6)
    starts = [np.array([max(y.min() - span / 2, 0.0), span, beta]) for beta in (0.1, 0.4, 1.0)]
    best = _fitted(x / reference, y, error, starts)
    fluctuated = (y + error * random.standard_normal(len(y)) for _ in range(repetitions))
    return Law(reference, best, np.stack([_fitted(x / reference, again, error, [best]) for again in fluctuated]))


def _fitted(x: Floats, y: Floats, error: Floats, starts: list[Floats]) -> Floats:
    """The best of some starts: with floor and exponent free the sum of squares has flat valleys."""
    bounds = ([0.0, 0.0, 0.0], [np.inf, np.inf, LARGEST_BETA])
    found = []
    for start in starts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OptimizeWarning)  # the covariance is not used
                values, _ = curve_fit(power, x, y, p0=start, sigma=error, bounds=bounds, max_nfev=2000)
        except RuntimeError:  # no convergence from this start
            continue
        found.append((float((((power(x, *values) - y) / error) ** 2).sum()), values))
    return np.asarray(min(found, key=lambda pair: pair[0])[1]) if found else starts[0]


@dataclass(frozen=True)
class HeldOut:
    """The point with the largest x, beside what the smaller ones predict for it."""

    predicted: float
    predicted_error: float
    measured: float
    measured_error: float

    @property
    def pull(self) -> float:
        """Measured minus predicted, in units of both errors."""
        return (self.measured - self.predicted) / float(np.hypot(self.predicted_error, self.measured_error))


def held_out(x: npt.ArrayLike, y: npt.ArrayLike, error: npt.ArrayLike, repetitions: int = REPETITIONS) -> HeldOut:
    """Predict the largest point from the others."""
    x, y, error = (np.asarray(values, np.float64)[np.argsort(x)] for values in (x, y, error))
    predicted, lower, upper = fit(x[:-1], y[:-1], error[:-1], repetitions=repetitions)(x[-1])
    return HeldOut(float(predicted), float(upper - lower) / 2, float(y[-1]), float(error[-1]))
