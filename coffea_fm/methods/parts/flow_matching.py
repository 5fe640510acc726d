"""Flow matching (arXiv:2210.02747): the straight path from values at time 0 to noise at time 1, and the way back."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

WAVES = 8


def flow(numbers: Tensor, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Mix numbers and noise at a time from 0 to 1; returns the mixture and its velocity ``noise - numbers``."""
    return (1 - time) * numbers + time * noise, noise - numbers


def logistic_normal_times(like: Tensor) -> Tensor:
    """Random times of this shape: the logistic function of standard normal numbers, most of them near 1/2."""
    return torch.sigmoid(torch.randn_like(like))


def time_waves(time: Tensor) -> Tensor:
    """Describe times [..., 1] by `WAVES` cosines: [..., WAVES]."""
    return torch.cos(math.pi * time * torch.arange(WAVES, device=time.device))


@torch.no_grad()
def integrate(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int) -> Tensor:
    """Follow a velocity from noise at time 1 back to values at time 0, by the midpoint rule.

    Parameters
    ----------
    velocity : callable
        Computes the velocity, of the shape of `noise`, from values and the times of the sets [sets].
    noise : Tensor [sets, ...]
    steps : int
        Number of equal steps; each evaluates the velocity twice.
    """
    values, step = noise, 1 / steps
    for index in range(steps):
        start = torch.full((len(values),), 1 - index * step, device=values.device)
        middle = values - 0.5 * step * velocity(values, start)
        values = values - step * velocity(middle, start - 0.5 * step)
    return values
