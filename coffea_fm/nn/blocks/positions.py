"""Positions of tokens: as vectors that are added to the tokens, or as rotations of queries and keys."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

Positions = Literal["none", "sinusoidal", "learned", "rotary"]

LONGEST = 10_000.0
"""The slowest wave has about this many positions per radian, as in arXiv:1706.03762 and arXiv:2104.09864."""


def phases(positions: Tensor, number: int) -> Tensor:
    """Phases of waves of geometrically falling frequency, float32 [..., number], at positions [...]."""
    index = torch.arange(number, device=positions.device, dtype=torch.float32)
    return positions.float().unsqueeze(-1) * torch.exp(index * (-math.log(LONGEST) / number))


def sinusoidal(positions: Tensor, dim: int) -> Tensor:
    """Sines and cosines of `phases` (arXiv:1706.03762), float32 [..., dim]; `dim` is even."""
    angle = phases(positions, dim // 2)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


class LearnedPositions(nn.Module):
    """One learned vector per position.

    Parameters
    ----------
    number : int
        Number of positions; those beyond the last one get its vector.
    dim : int
    """

    def __init__(self, number: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(0.02 * torch.randn(number, dim))

    def forward(self, positions: Tensor) -> Tensor:
        """Look up positions [...]: [..., dim]."""
        return embedding(positions.clamp(max=len(self.vectors) - 1), self.vectors)


class Rotation(NamedTuple):
    """Rotations of pairs of components, so that a product depends on the difference of two positions (arXiv:2104.09864).

    Attributes
    ----------
    cos, sin : Tensor, float32 [sets or 1, 1, tokens, width / 2]
    """

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, positions: Tensor, width: int) -> Rotation:
        """Rotations for positions [sets or 1, tokens] and heads with an even `width`."""
        angle = phases(positions, width // 2).unsqueeze(1)
        return cls(angle.cos(), angle.sin())

    def turn(self, vectors: Tensor) -> Tensor:
        """Rotate queries or keys [sets, heads, tokens, width]."""
        first, second = vectors.chunk(2, dim=-1)
        cos, sin = self.cos.to(vectors.dtype), self.sin.to(vectors.dtype)
        return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)
