"""The fits of ``make benchmark-laws``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "pretraining"
X = np.array([3e3, 1e4, 3e4, 1e5, 3e5])


@pytest.fixture(scope="module")
def laws() -> ModuleType:
    specification = importlib.util.spec_from_file_location("benchmark_laws", FOLDER / "laws.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["benchmark_laws"] = module
    specification.loader.exec_module(module)
    return module


def points(noise: float, seed: int, beta: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    exact = 1.2 + 0.6 * (X / 1e4) ** -beta
    return X, exact + noise * np.random.default_rng(seed).standard_normal(len(X)), np.full(len(X), noise)


def test_an_exact_law_is_found(laws):
    law = laws.fit(*points(1e-6, 0), repetitions=10)
    assert law.beta[0] == pytest.approx(0.3, abs=1e-3)
    assert law.floor[0] == pytest.approx(1.2, abs=2e-3)
    assert law.resolved
    assert law(1e8)[0] == pytest.approx(1.2 + 0.6 * 1e4**-0.3, abs=2e-3)


def test_the_exponent_is_within_its_error(laws):
    pulls = []
    for seed in range(16):
        law = laws.fit(*points(0.003, seed), seed=seed, repetitions=40)
        assert law.resolved
        pulls.append((law.beta[0] - 0.3) / law.beta[1])
    assert 0.4 < np.sqrt(np.mean(np.square(pulls))) < 1.8


def test_it_says_when_there_is_no_power_to_see(laws):
    flat = np.full(len(X), 1.5) + 0.01 * np.random.default_rng(1).standard_normal(len(X))
    assert not laws.fit(X, flat, np.full(len(X), 0.01), repetitions=60).resolved
    assert not laws.fit(*points(0.2, 2), repetitions=60).resolved
    lower, upper = laws.fit(*points(0.2, 2), repetitions=60)(1e8)[1:]
    assert upper - lower > 0.2


def test_the_largest_point_is_predicted_from_the_others(laws):
    x, y, error = points(0.002, 3)
    fine = laws.held_out(x[::-1], y[::-1], error, repetitions=40)
    assert fine.measured == y[-1]
    assert abs(fine.pull) < 3
    stalled = y.copy()
    stalled[-1] = y[-2]
    assert laws.held_out(x, stalled, error, repetitions=40).pull > 3
