"""Momenta of flat arrays of particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pt_eta_phi(px: Floats, py: Floats, pz: Floats) -> tuple[Floats, Floats, Floats]:
    """Transverse momentum, pseudorapidity and azimuth; the pseudorapidity along the beam is large but finite."""
    pt = np.hypot(px, py)
    return pt, np.arcsinh(pz / np.maximum(pt, 1e-9)), np.arctan2(py, px)


def wrap(phi: Floats) -> Floats:
    """Bring angles into [-pi, pi)."""
    return (phi + np.pi) % (2 * np.pi) - np.pi


def invariant_mass(px: Floats, py: Floats, pz: Floats, energy: Floats) -> Floats:
    """Mass, 0 where rounding makes its square negative."""
    return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
