"""Weights large enough that every part of a network matters; many start at nearly zero."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def spread_weights(module: nn.Module) -> None:
    """Set every matrix to uniform numbers that keep the size of a vector, and move everything else a little."""
    for parameter in module.parameters():
        if parameter.dim() > 1 and parameter.numel():
            parameter.uniform_(-1.5, 1.5).mul_(parameter[0].numel() ** -0.5)
        else:
            parameter.add_(0.1 * torch.randn_like(parameter))
