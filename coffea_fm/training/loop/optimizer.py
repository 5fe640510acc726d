"""The optimizer, its learning-rate schedule, and its state by parameter name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.training.recipe.sections import Betas, OptimizerName


def build_optimizer(
    module: nn.Module,
    lr: float,
    weight_decay: float,
    part: Callable[[str], Hashable] = lambda _: None,
    *,
    kind: OptimizerName = "adamw",
    betas: Betas | None = None,
) -> torch.optim.Optimizer:
    """AdamW, or Lion (arXiv:2302.06675), with weight decay for weight matrices only, not for biases, norms and learned tokens.

    Parameters
    ----------
    module : nn.Module
        The module to train.
    lr, weight_decay : float
    part : callable
        Maps a parameter name to the part that it belongs to. Each part has its own parameter groups, which store it as
        ``part``.
    kind : {"adamw", "lion"}
    betas : tuple of float, optional
        Decay rates per step of the averages of the gradient; by default those of the authors of each.

    Raises
    ------
    RecipeError
        If the package with Lion is not installed.
    """
    groups: dict[tuple[Hashable, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in module.named_parameters():
        decayed = parameter.ndim >= 2 and name.endswith("weight")
        groups[part(name), decayed].append(parameter)
    ordered = sorted(groups.items(), key=lambda item: not item[0][1])
    parameters: list[dict[str, Any]] = [
        {"params": members, "weight_decay": weight_decay if decayed else 0.0, "part": key}
        for (key, decayed), members in ordered
    ]
    if kind == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, betas=betas or (0.9, 0.999), fused=True)
    try:
        from pytorch_optimizer import Lion
    except ImportError:
        raise RecipeError(
            "training.optimizer: lion needs the package pytorch-optimizer: pip install 'coffea-fm[lion]', or choose adamw"
        ) from None
    lion: torch.optim.Optimizer = Lion(parameters, lr=lr, betas=betas or (0.9, 0.99))
    return lion


def learning_rate(progress: float, highest: float, warmup: float) -> float:
    """Linear warm-up over a fraction `warmup` of the training, followed by cosine decay to 0.

    Parameters
    ----------
    progress : float
        Completed fraction of the training, from 0 to 1.
    highest : float
        Largest learning rate.
    warmup : float
        Fraction of the training.
    """
    if progress < warmup:
        return highest * progress / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


def optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of the optimizer, as ``PARAMETER/STATE``."""
    return {
        f"{name}/{key}": value
        for name, parameter in module.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the state saved by `optimizer_tensors`."""
    parameters = dict(module.named_parameters())
    for path, value in tensors.items():
        name, key = path.rsplit("/", 1)
        optimizer.state[parameters[name]][key] = value
