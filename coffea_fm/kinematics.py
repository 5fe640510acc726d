"""Four-vector functions of flat numpy arrays, in double precision.

Angles are in radian; momenta, energies and masses are in any common unit.
"""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import DoubleArray, Floats

FloatT = TypeVar("FloatT", bound=np.floating)

_SMALLEST_PT = 1e-9
"""Keeps the pseudorapidity of a particle along the beam finite."""


def pt_eta_phi(px: Floats, py: Floats, pz: Floats) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Transverse momentum, pseudorapidity and azimuth of momenta; along the beam, eta is large but finite."""
    pt = np.hypot(px.astype(np.float64), py)
    return pt, np.arcsinh(pz / np.maximum(pt, _SMALLEST_PT)), np.arctan2(py.astype(np.float64), px)


def four_momenta(pt: Floats, eta: Floats, phi: Floats, mass: Floats) -> DoubleArray:
    """px, py, pz and E from transverse momentum, pseudorapidity, azimuth and mass, float64 [n, 4]."""
    pt, eta, phi, mass = (values.astype(np.float64) for values in (pt, eta, phi, mass))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return np.stack((px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + mass**2)), axis=1)


def invariant_mass(px: Floats, py: Floats, pz: Floats, energy: Floats) -> DoubleArray:
    """Mass of four-momenta; 0 if rounding makes its square negative."""
    e, x, y, z = (component.astype(np.float64) ** 2 for component in (energy, px, py, pz))
    return np.sqrt(np.maximum(e - x - y - z, 0.0))


def mass_of_energy(pt: Floats, eta: Floats, energy: Floats) -> DoubleArray:
    """Mass from transverse momentum, pseudorapidity and energy; 0 if rounding makes its square negative."""
    momentum = pt.astype(np.float64) * np.cosh(eta.astype(np.float64))
    return np.sqrt(np.maximum(energy.astype(np.float64) ** 2 - momentum**2, 0.0))


def wrap(phi: npt.NDArray[FloatT]) -> npt.NDArray[FloatT]:
    """Wrap angles to [-pi, pi)."""
    return cast("npt.NDArray[FloatT]", (phi + np.pi) % (2 * np.pi) - np.pi)
