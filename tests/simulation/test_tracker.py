from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffea_fm.simulation.final_state import FinalState, charge_of
from coffea_fm.simulation.tracker import closest_approach, efficiency, tracks

TESLA_RADIUS = 1000 / (0.2998 * 3.8)


def particles(
    n: int, *, kind: int = 211, charge: int = 1, pt: float = 10.0, eta: float = 0.3, x: float = 0.0
) -> FinalState:
    full = np.full(n, 1.0)
    return FinalState(
        event=np.zeros(n, np.int64),
        source=np.arange(n),
        kind=np.full(n, kind, np.int32),
        charge=np.full(n, charge, np.int32),
        energy=pt * np.cosh(eta) * full,
        pt=pt * full,
        eta=eta * full,
        phi=np.linspace(-3, 3, n),
        x=x * full,
        y=0 * full,
        z=0 * full,
    )


@given(
    position=st.tuples(*[st.floats(-30, 30)] * 3),
    pt=st.floats(0.5, 50),
    eta=st.floats(-2, 2),
    phi=st.floats(-3.14, 3.14),
    charge=st.sampled_from([-1, 1]),
)
def test_closest_approach_is_that_of_the_helix(
    position: tuple[float, float, float], pt: float, eta: float, phi: float, charge: int
) -> None:
    x, y, z = position
    radius = pt * TESLA_RADIUS
    path = np.linspace(-50, 50, 20_001)
    angle = phi - charge * path / radius
    at_x = x - charge * radius * (np.sin(angle) - np.sin(phi))
    at_y = y + charge * radius * (np.cos(angle) - np.cos(phi))
    nearest = np.argmin(at_x**2 + at_y**2)
    d0, dz = closest_approach(*(np.array([v]) for v in (x, y, z, pt, eta, phi)), np.array([charge]))
    assert abs(d0[0]) == pytest.approx(np.hypot(at_x[nearest], at_y[nearest]), abs=0.01)
    assert dz[0] == pytest.approx(z + path[nearest] * np.sinh(eta), abs=0.02)


def test_straight_limit_has_the_usual_sign() -> None:
    one = np.ones(1)
    d0, dz = closest_approach(2 * one, 3 * one, 4 * one, 1e6 * one, 0.5 * one, 0.7 * one, np.array([1]))
    assert d0[0] == pytest.approx(2 * np.sin(0.7) - 3 * np.cos(0.7), abs=1e-4)
    assert dz[0] == pytest.approx(4 - (2 * np.cos(0.7) + 3 * np.sin(0.7)) * np.sinh(0.5), abs=1e-3)


def test_pulls_of_prompt_tracks_are_unit_gaussians() -> None:
    found = tracks(particles(20_000), np.random.default_rng(0))
    for value, error in ((found.d0, found.d0_error), (found.dz, found.dz_error)):
        pull = value / error
        assert pull.mean() == pytest.approx(0, abs=0.03)
        assert pull.std() == pytest.approx(1, abs=0.03)
    assert np.std(found.pt / 10.0 - 1) == pytest.approx(0.0101, rel=0.05)


def test_errors_shrink_with_pt_and_grow_forward() -> None:
    random = np.random.default_rng(0)
    soft, hard, forward = (tracks(particles(1, pt=pt, eta=eta), random) for pt, eta in ((1, 0), (100, 0), (1, 2.3)))
    assert hard.d0_error < soft.d0_error < forward.d0_error
    assert hard.dz_error < soft.dz_error < forward.dz_error


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.95),
        ({"eta": 2.0}, 0.85),
        ({"eta": 2.6}, 0.0),
        ({"pt": 0.9}, 0.0),
        ({"kind": 13}, 0.985),
        ({"charge": 0, "kind": 22}, 0.0),
        ({"x": 1300.0}, 0.0),
        ({"x": 200.0}, 0.95),
    ],
)
def test_efficiency(changes: dict[str, float], expected: float) -> None:
    assert efficiency(particles(1, **changes))[0] == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "charge", "pdg_id", "share"), [(11, -1, 11, 0.95), (13, 1, -13, 0.98), (321, -1, -211, 1.0)]
)
def test_identification(kind: int, charge: int, pdg_id: int, share: float) -> None:
    found = tracks(particles(5000, kind=kind, charge=charge), np.random.default_rng(1))
    assert np.mean(found.pdg_id == pdg_id) == pytest.approx(share, abs=0.01)
    assert set(np.unique(found.pdg_id)) <= {pdg_id, charge * 211}
    assert np.all(found.charge == charge)


def test_charges() -> None:
    pdg_id = np.array([11, -13, 211, -321, 2212, -2212, 3112, 22, 130, 2112], np.int32)
    assert charge_of(pdg_id).tolist() == [-1, 1, 1, -1, 1, -1, -1, 0, 0, 0]
