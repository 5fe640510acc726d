"""AdamW, its learning rate as a function of the progress, and its state by the names of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def build_optimizer(module: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that decays matrices only; vectors (biases, norms) and learned tokens are left alone."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        (free if parameter.ndim < 2 or not name.endswith("weight") else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=True)


def learning_rate(progress: float, highest: float, warmup: float) -> float:
    """Rise linearly over the fraction `warmup` of the training, then fall to 0 along a cosine.

    Parameters
    ----------
    progress : float
        Fraction of the training that is done, 0 to 1.
    highest : float
        Largest learning rate.
    warmup : float
        Fraction of the training.
    """
    if progress < warmup:
        return highest * progress / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


def optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that the optimizer remembers, as ``NAME_OF_WEIGHT/NAME_OF_STATE``."""
    return {
        f"{name}/{key}": value
        for name, parameter in module.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimizer back what `optimizer_tensors` took."""
    parameters = dict(module.named_parameters())
    for path, value in tensors.items():
        name, key = path.rsplit("/", 1)
        optimizer.state[parameters[name]][key] = value
