"""Convert momenta to pt, eta, phi and mass, as columns computed by the functions of `coffea_fm.kinematics`."""

from __future__ import annotations

import numpy as np

from coffea_fm import kinematics
from coffea_fm.schemas.columns import operation
from coffea_fm.schemas.registry import Array

invariant_mass = operation("float32")(kinematics.invariant_mass)
mass_of_energy = operation("float32")(kinematics.mass_of_energy)


@operation("float32")
def transverse_momentum(px: Array, py: Array) -> Array:
    """Transverse momentum of a momentum."""
    return np.hypot(px.astype(float), py)


@operation("float32")
def pseudorapidity(px: Array, py: Array, pz: Array) -> Array:
    """Pseudorapidity of a momentum."""
    return kinematics.pt_eta_phi(px, py, pz)[1]


@operation("float32")
def azimuth(px: Array, py: Array) -> Array:
    """Azimuth of a momentum."""
    return np.arctan2(py.astype(float), px)


@operation("float32")
def pseudorapidity_of_cotangent(cotangent: Array) -> Array:
    """Pseudorapidity from the cotangent of the polar angle."""
    return np.arcsinh(cotangent.astype(float))


@operation("float32")
def pseudorapidity_of_angle(theta: Array) -> Array:
    """Pseudorapidity from the polar angle."""
    return -np.log(np.tan(theta.astype(float) / 2))


@operation("float32")
def constant(like: Array, value: float) -> Array:
    """One number for every element of a column."""
    return np.full(len(like), value)
