from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, poisson

from coffea_fm.statistics.deviance import Deviance

DEVIANCE = Deviance(np.array([True, True, True, False]), np.array([1.0, 1.0, 1.0, 0.5]))
SEEN = np.array([9.0, 0.0, 4e8, -0.3])


def test_squares_are_likelihood_ratios_to_the_saturated_model():
    mean = np.array([7.5, 2.0, 4e8 + 3e4, 0.4])
    found = DEVIANCE.residuals(mean, SEEN) ** 2
    assert found[0] == pytest.approx(2 * (poisson.logpmf(9, 9) - poisson.logpmf(9, 7.5)))
    assert found[1] == pytest.approx(-2 * poisson.logpmf(0, 2))
    assert found[2] == pytest.approx(3e4**2 / 4e8, rel=1e-4)  # too many events for the digits of a logarithm
    assert found[3] == pytest.approx(2 * (norm.logpdf(0, 0, 0.5) - norm.logpdf(0.4, -0.3, 0.5)))
    assert list(np.sign(DEVIANCE.residuals(mean, SEEN))) == [-1, 1, 1, 1]


@pytest.mark.parametrize("away", [0.0, 1e-9, 1e-5, 0.3])
def test_slopes_and_curvature_are_the_derivatives(away):
    mean = np.where(SEEN == 0, 2.0, SEEN * (1 + away))
    step = 1e-4 * np.sqrt(np.abs(mean))
    above, below = (DEVIANCE.residuals(mean + sign * step, SEEN) for sign in (1, -1))
    np.testing.assert_allclose(DEVIANCE.slopes(mean, SEEN), (above - below) / (2 * step), rtol=1e-3)
    first, second = DEVIANCE.curvature(mean, SEEN)
    np.testing.assert_allclose(first, (above**2 - below**2) / (2 * step), rtol=1e-3, atol=1e-6)
    firsts = [DEVIANCE.curvature(mean + sign * step, SEEN)[0] for sign in (1, -1)]
    np.testing.assert_allclose(second, (firsts[0] - firsts[1]) / (2 * step), rtol=1e-3)
