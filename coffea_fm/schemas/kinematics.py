"""Momenta of other coordinates as pt, eta, phi and mass, computed in double precision."""

from __future__ import annotations

import numpy as np

from coffea_fm.schemas.columns import operation
from coffea_fm.schemas.registry import Array


@operation("float32")
def transverse_momentum(px: Array, py: Array) -> Array:
    """Transverse momentum of a momentum."""
    return np.hypot(px.astype(float), py)


@operation("float32")
def pseudorapidity(px: Array, py: Array, pz: Array) -> Array:
    """Pseudorapidity of a momentum."""
    return np.arcsinh(pz / np.hypot(px.astype(float), py))


@operation("float32")
def azimuth(px: Array, py: Array) -> Array:
    """Azimuth of a momentum."""
    return np.arctan2(py.astype(float), px)


@operation("float32")
def invariant_mass(px: Array, py: Array, pz: Array, energy: Array) -> Array:
    """Mass of a four-momentum; 0 where rounding made its square negative."""
    squares = [component.astype(float) ** 2 for component in (energy, px, py, pz)]
    return np.sqrt(np.maximum(squares[0] - squares[1] - squares[2] - squares[3], 0))


@operation("float32")
def mass_of_energy(pt: Array, eta: Array, energy: Array) -> Array:
    """Mass from pt, eta and energy; 0 where rounding made its square negative."""
    return np.sqrt(np.maximum(energy.astype(float) ** 2 - (pt * np.cosh(eta.astype(float))) ** 2, 0))


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
