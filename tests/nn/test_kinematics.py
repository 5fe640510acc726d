from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coffea_fm.nn.kinematics import LOWEST, Momenta, energy, pair_features, rapidity, wrap


def momenta(pt, eta, phi, mass):
    pt, eta, phi, mass = (torch.tensor([value], dtype=torch.float32) for value in (pt, eta, phi, mass))
    return Momenta(pt, rapidity(pt, eta, mass), phi, mass)


momentum = st.tuples(
    st.floats(0.125, 2000, width=32),
    st.floats(-4, 4, width=32),
    st.floats(-3.125, 3.125, width=32),
    st.sampled_from([0.0, 0.000511, 0.1396, 0.4976]),
)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(momentum, momentum)
def test_pair_features_equal_double_precision(first, second):
    pair = []
    for pt, eta, phi, stored_mass in (first, second):
        mass = float(np.float32(stored_mass))
        pz, total = pt * math.sinh(eta), math.sqrt((pt * math.cosh(eta)) ** 2 + mass**2)
        pair.append((pt, math.asinh(pz / math.hypot(pt, mass)), phi, mass, total))
    (pt_a, y_a, phi_a, mass_a, _), (pt_b, y_b, phi_b, mass_b, _) = pair
    turn = abs(phi_a - phi_b)
    turn = min(turn, 2 * math.pi - turn)
    delta = math.hypot(y_a - y_b, turn)
    # m² by its definition loses digits even in double precision; this is the textbook identity for it.
    transverse_a, transverse_b = math.hypot(pt_a, mass_a), math.hypot(pt_b, mass_b)
    mass_squared = (
        mass_a**2 + mass_b**2 + 2 * (transverse_a * transverse_b * math.cosh(y_a - y_b) - pt_a * pt_b * math.cos(turn))
    )
    expected = [
        math.log(max(min(pt_a, pt_b) * delta, LOWEST)),
        math.log(min(pt_a, pt_b) / (pt_a + pt_b)),
        math.log(max(delta, LOWEST)),
    ]
    values = pair_features(momenta(*first), momenta(*second))[0]
    if delta > 1e-2 or delta == 0:
        np.testing.assert_allclose(values[:3], expected, atol=1e-3)
        noise = 1e-15 * transverse_a * transverse_b * math.cosh(y_a - y_b)
        if mass_squared > 1e5 * noise:
            np.testing.assert_allclose(values[3], math.log(mass_squared), atol=1e-3)


def test_pair_features_are_symmetric():
    a, b = momenta(30.0, 0.5, 3.0, 0.1396), momenta(2.0, -0.2, -3.1, 0.0)
    assert torch.equal(pair_features(a, b), pair_features(b, a))


def test_mass_of_a_particle_with_itself_is_twice_its_mass():
    pion = momenta(800.0, 1.5, 0.3, 0.13957)
    torch.testing.assert_close(pair_features(pion, pion)[0, 3], torch.tensor(2 * math.log(2 * 0.13957)))
    photon = momenta(800.0, 1.5, 0.3, 0.0)
    torch.testing.assert_close(pair_features(photon, photon)[0, 3], torch.tensor(math.log(LOWEST)))


def test_nothing_and_everything_stay_finite():
    extremes = [momenta(0.0, 0.0, 0.0, 0.0), momenta(1e7, 15.0, 3.0, 1e7), momenta(1e7, -15.0, -3.0, 0.0)]
    for a in extremes:
        for b in extremes:
            assert pair_features(a, b).isfinite().all()


def test_energy_and_rapidity_of_a_known_vector():
    pt, eta, mass = torch.tensor([3.0]), torch.tensor([0.0]), torch.tensor([4.0])
    assert energy(pt, eta, mass) == 5.0
    assert rapidity(pt, eta, mass) == 0.0
    eta = torch.tensor([-2.0])
    torch.testing.assert_close(rapidity(pt, eta, torch.zeros(1)), eta)


def test_wrap_keeps_angles_within_half_a_turn():
    angles = torch.tensor([0.0, 3.0, 3.5, -3.5, 9.0])
    torch.testing.assert_close(wrap(angles), torch.atan2(angles.sin(), angles.cos()))
