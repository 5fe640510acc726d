"""Dropout with cheap random numbers on CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class Dropout(nn.Module):
    """Replacement for `torch.nn.Dropout`; see `dropout`."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Apply dropout in training mode; the identity otherwise."""
        return dropout(values, self.probability) if self.training else values


class DropPath(nn.Module):
    """Skip an update for a random part of the sets (arXiv:1603.09382), and scale the others so that the mean is the same."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor, n_sets: int) -> Tensor:
        """Apply it in training mode to the vectors of `n_sets` sets, one after the other; the identity otherwise."""
        if not self.training or self.probability == 0.0:
            return values
        kept = values.new_empty((n_sets, 1)).bernoulli_(1.0 - self.probability) / (1.0 - self.probability)
        return (values.reshape(n_sets, -1) * kept).view(values.shape)


class GroupDropout(nn.Module):
    """Leave out a vector of all tokens of a random part of the sets, in training; the others are not scaled."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Apply it to vectors [sets, ...]; the identity in evaluation mode."""
        if not self.training or self.probability == 0.0:
            return values
        kept = values.new_empty((len(values), *[1] * (values.dim() - 1))).bernoulli_(1.0 - self.probability)
        return values * kept


def dropout(values: Tensor, probability: float) -> Tensor:
    """Set elements to zero at random, and scale the others so that the mean is unchanged.

    On a CPU a Bernoulli number takes six times as long as the 16 random bits used here, and dropout would take a sixth
    of the training time of a Particle Transformer. The probability is rounded to a multiple of 2**-16.

    Parameters
    ----------
    values : Tensor
    probability : float
        Probability of setting an element to zero.
    """
    dropped = round(probability * _LEVELS)
    if dropped == 0:
        return values
    if values.device.type != "cpu":
        return nn.functional.dropout(values, probability)
    words = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: values.numel()].view(values.shape)
    scale = (bits >= dropped - _LEVELS // 2).to(values.dtype).mul_(_LEVELS / (_LEVELS - dropped))
    return values * scale
