"""Exponential moving average of the weights."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def averaged_copy(module: ModuleT) -> ModuleT:
    """Copy a module to hold the average: without gradients, always in evaluation mode."""
    return deepcopy(module).requires_grad_(False).eval()


@torch.no_grad()
def update_average(averaged: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the weights.

    Parameters
    ----------
    averaged, module : nn.Module
        The average, and the network after step `step`.
    decay : float
        Weight of the old average. It is smaller in the first steps, so that the random initial weights are forgotten
        quickly.
    step : int
        Number of completed steps, starting at 1.
    """
    rate = 1 - min(decay, step / (10 + step))
    old, new = averaged.state_dict(), module.state_dict()
    floating = [name for name, value in old.items() if value.is_floating_point()]
    torch._foreach_lerp_([old[name] for name in floating], [new[name] for name in floating], rate)
    for name in old.keys() - set(floating):
        old[name].copy_(new[name])
