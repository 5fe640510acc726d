from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coffea_fm.simulation.calorimeter import ECAL, HCAL, deposits
from coffea_fm.simulation.final_state import FinalState

PERFECT = replace(ECAL, constant=1e-6, stochastic=0.0, noise=0.0, threshold=0.5)


def photons(energy: list[float], eta: list[float], phi: list[float], event: list[int] | None = None) -> FinalState:
    n = len(energy)
    e, h, f = (np.array(values, float) for values in (energy, eta, phi))
    zero = np.zeros(n)
    numbers = np.array(event or [0] * n, np.int64)
    integer = np.zeros(n, np.int32)
    return FinalState(numbers, np.arange(n), integer + 22, integer, e, e / np.cosh(h), h, f, zero, zero, zero)


def test_photons_in_one_cell_are_one_deposit() -> None:
    found = deposits(photons([10.0, 30.0], [0.101, 0.103], [0.001, 0.003]), PERFECT, np.random.default_rng(0))
    assert len(found.pt) == 1
    assert found.pt[0] == pytest.approx(40.0 / np.cosh(0.1025), rel=1e-4)
    assert found.source.tolist() == [1]
    assert found.eta[0] == pytest.approx(0.1025, abs=0.02)
    assert np.isnan(found.d0[0])


def test_cells_events_and_thresholds_keep_deposits_apart() -> None:
    particles = photons([10.0, 10.0, 10.0, 0.4], [0.1, 0.1, -2.9, 1.0], [0.0, 0.0, 3.14159, 0.0], [0, 1, 1, 1])
    found = deposits(particles, PERFECT, np.random.default_rng(0))
    assert sorted(zip(found.event.tolist(), found.source.tolist(), strict=True)) == [(0, 0), (1, 1), (1, 2)]
    assert np.all(np.abs(found.phi) <= np.pi)


@pytest.mark.parametrize("calorimeter", [ECAL, HCAL])
def test_resolution_is_the_stated_one_and_unbiased(calorimeter: object) -> None:
    n, energy = 4000, 50.0
    particles = photons([energy] * n, [0.0] * n, [0.0] * n, list(range(n)))
    found = deposits(particles, calorimeter, np.random.default_rng(2))  # type: ignore[arg-type]
    measured = found.pt * np.cosh(found.eta) / energy
    expected = 0.0183 if calorimeter is ECAL else 0.15
    assert measured.mean() == pytest.approx(1, abs=4 * expected / np.sqrt(n))
    assert measured.std() == pytest.approx(expected, rel=0.06)


def test_nothing_gives_nothing() -> None:
    assert len(deposits(photons([], [], []), HCAL, np.random.default_rng(0)).pt) == 0
