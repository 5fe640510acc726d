"""Four-momenta of tokens and their pair features, numerically stable in single precision.

In float32, ``E**2 - p**2`` loses all digits for hard collinear pairs. The expressions here are sums of positive terms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

LOWEST = 1e-8
"""Smallest argument of a logarithm, as in the Particle Transformer."""
HIGHEST = 1e7
"""Momenta in GeV are clipped here, far beyond any collider, so that their squares stay finite."""
STEEPEST = 15.0
"""Pseudorapidities are clipped here, so that their hyperbolic functions stay finite."""


class Momenta(NamedTuple):
    """Four-momenta; all attributes have the same shape.

    Attributes
    ----------
    pt, mass : Tensor
        In GeV.
    rapidity : Tensor
    phi : Tensor
        In radians; any two differ by less than 2π.
    """

    pt: Tensor
    rapidity: Tensor
    phi: Tensor
    mass: Tensor


def log(values: Tensor) -> Tensor:
    """Natural logarithm of non-negative values, defined at zero."""
    return torch.log(values.clamp(min=LOWEST))


def wrap(angle: Tensor) -> Tensor:
    """Map an angle to [-π, π]."""
    return angle - (2 * math.pi) * torch.round(angle / (2 * math.pi))


def energy(pt: Tensor, eta: Tensor, mass: Tensor) -> Tensor:
    """Energy in GeV from pt, pseudorapidity and mass."""
    return torch.sqrt((pt * torch.cosh(eta)).square() + mass.square())


def rapidity(pt: Tensor, eta: Tensor, mass: Tensor) -> Tensor:
    """Rapidity from pt, pseudorapidity and mass."""
    transverse_mass = torch.sqrt(pt.square() + mass.square())
    longitudinal = (pt * torch.sinh(eta)).abs()
    total = torch.sqrt(longitudinal.square() + transverse_mass.square())
    return torch.sign(eta) * torch.log(((longitudinal + total) / transverse_mass.clamp(min=LOWEST)).clamp(min=1.0))


def pair_features(a: Momenta, b: Momenta, dim: int = -1) -> Tensor:
    """Logarithms of kT, z, Δ and m² of pairs (arXiv:2202.03772).

    ``Δ² = Δy² + Δφ²``, ``kT = min(pT) Δ``, ``z = min(pT) / (pTa + pTb)``, ``m² = (pa + pb)²``.

    Parameters
    ----------
    a, b : Momenta
        With broadcastable shapes.
    dim : int
        The axis of the four features in the result.

    Returns
    -------
    Tensor, float32 [..., 4]
        ln kT, ln z, ln Δ, ln m².
    """
    delta_y = a.rapidity - b.rapidity
    delta_phi = (a.phi - b.phi).abs()
    delta_phi = torch.minimum(delta_phi, 2 * math.pi - delta_phi)
    delta = torch.sqrt(delta_y.square() + delta_phi.square())
    lower = torch.minimum(a.pt, b.pt)
    arguments = (
        lower * delta,
        lower / (a.pt + b.pt).clamp(min=LOWEST),
        delta,
        _mass_squared(a, b, delta_y, delta_phi),
    )
    return log(torch.stack(arguments, dim=dim))


def _mass_squared(a: Momenta, b: Momenta, delta_y: Tensor, delta_phi: Tensor) -> Tensor:
    mass_squared_a, mass_squared_b = a.mass.square(), b.mass.square()
    transverse_squared_a, transverse_squared_b = a.pt.square() + mass_squared_a, b.pt.square() + mass_squared_b
    transverse = torch.sqrt(transverse_squared_a * transverse_squared_b)
    pts = a.pt * b.pt
    at_rest = (mass_squared_a * transverse_squared_b + a.pt.square() * mass_squared_b) / (transverse + pts).clamp(
        min=LOWEST
    )
    opening = 2 * transverse * torch.sinh(delta_y / 2).square() + 2 * pts * torch.sin(delta_phi / 2).square()
    return mass_squared_a + mass_squared_b + 2 * (at_rest + opening)
