"""η and φ of particles relative to the axis of their jet, and vectors of both."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.arrays import FloatArray
from coffea_fm.kinematics import wrap
from coffea_fm.nn.inputs import only_member
from coffea_fm.tokens import Level, Packed

WAVES = 8
LONGEST, SHORTEST = 4.0, 0.03
"""Wavelengths in η and φ: from wider than a jet to about the size of a calorimeter cell."""


def relative_positions(packed: Packed, level: Level) -> FloatArray:
    """η and φ of the particles relative to the axis of their jet, float32 [n_tokens, 2]."""
    group = only_member(level)
    tokens = packed.members[group.name]
    differences = [
        tokens.things.values[:, group.names.index(name)] - packed.values[tokens.parents, level.names.index(name)]
        for name in ("eta", "phi")
    ]
    positions: FloatArray = np.stack((differences[0], wrap(differences[1])), axis=1).astype(np.float32)
    return positions


class PositionVectors(nn.Module):
    """A linear map of sines and cosines of η and φ, as J-JEPA uses (arXiv:2412.05333), with wavelengths that fit a jet.

    Parameters
    ----------
    dim : int
        Width of the vectors.
    """

    frequencies: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        wavelengths = torch.logspace(math.log10(LONGEST), math.log10(SHORTEST), WAVES)
        self.register_buffer("frequencies", 2 * math.pi / wavelengths, persistent=False)
        self.linear = nn.Linear(4 * WAVES, dim)

    def forward(self, positions: Tensor) -> Tensor:
        """Vectors [..., dim] of positions [..., 2]."""
        angles = (positions.unsqueeze(-1) * self.frequencies).flatten(-2)
        vectors: Tensor = self.linear(torch.cat((angles.sin(), angles.cos()), dim=-1))
        return vectors
