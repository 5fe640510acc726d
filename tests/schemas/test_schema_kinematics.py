"""Schemas: momenta of other coordinates, against the `vector` library."""

from __future__ import annotations

import numpy as np
import pytest
import vector

from coffea_fm.schemas import kinematics


@pytest.fixture
def particles():
    random = np.random.default_rng(1)
    pt, eta, phi, mass = (random.uniform(*range_, 200) for range_ in ((0.1, 500), (-4, 4), (-3.1, 3.1), (0.1, 5)))
    return vector.array({"pt": pt, "eta": eta, "phi": phi, "mass": mass})


def test_momenta(particles):
    px, py, pz, energy = particles.px, particles.py, particles.pz, particles.energy
    for operation, operands, expected in (
        (kinematics.transverse_momentum, (px, py), particles.pt),
        (kinematics.pseudorapidity, (px, py, pz), particles.eta),
        (kinematics.azimuth, (px, py), particles.phi),
        (kinematics.invariant_mass, (px, py, pz, energy), particles.mass),
        (kinematics.mass_of_energy, (particles.pt, particles.eta, energy), particles.mass),
        (kinematics.pseudorapidity_of_cotangent, (1 / np.tan(particles.theta),), particles.eta),
        (kinematics.pseudorapidity_of_angle, (particles.theta,), particles.eta),
    ):
        np.testing.assert_allclose(operation.function(*operands), expected, rtol=1e-6, atol=1e-7)


def test_rounded_masses_are_not_negative():
    one, two = np.ones(1, np.float32), np.full(1, 2, np.float32)
    assert kinematics.invariant_mass.function(two, one, one, one).tolist() == [0]
    assert kinematics.mass_of_energy.function(two, one, one).tolist() == [0]
