"""A replacement for layer normalisation: a scaled hyperbolic tangent (arXiv:2503.10622)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DynamicTanh(nn.Module):
    """``weight * tanh(alpha * x)`` with a learned number alpha and a learned weight for each channel.

    Parameters
    ----------
    dim : int
        Number of channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 0.5))
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, vectors: Tensor) -> Tensor:
        """Apply it to vectors [..., dim]."""
        return torch.tanh(self.alpha * vectors) * self.weight
