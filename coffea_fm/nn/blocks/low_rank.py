"""Low-rank adapters (LoRA, arXiv:2106.09685): ``W + (alpha / rank) B A`` with small matrices A, B and W frozen."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from coffea_fm.nn.backbones import Backbone


class LowRank(nn.Module):
    """Adds a low-rank matrix, initially zero, to a weight matrix.

    Parameters
    ----------
    shape : torch.Size
        Shape of the weight matrix.
    rank : int
    alpha : float
        The product is scaled by ``alpha / rank``.
    """

    def __init__(self, shape: torch.Size, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.empty(rank, shape[1]))
        self.up = nn.Parameter(torch.zeros(shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the sum, in the precision of the weights."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight + self.scale * (self.up @ self.down)


def add_low_rank(backbone: Backbone, rank: int, alpha: float) -> None:
    """Freeze a backbone and add adapters to all weight matrices of its layers (attention and feed-forward).

    What is new in it is trained as it is.
    """
    backbone.requires_grad_(False)
    for module in list(_linear_layers(backbone)):
        parametrize.register_parametrization(module, "weight", LowRank(module.weight.shape, rank, alpha))
    backbone.train_new()


def merged_state(module: nn.Module) -> dict[str, Tensor]:
    """State dict with the adapters merged into the weights, under the names of the plain network.

    The module itself is not modified.
    """
    state = dict(module.state_dict())
    for name, part in module.named_modules():
        if parametrize.is_parametrized(part, "weight"):
            prefix = f"{name}.parametrizations.weight."
            state = {key: value for key, value in state.items() if not key.startswith(prefix)}
            state[f"{name}.weight"] = part.weight
    return state


def _linear_layers(backbone: Backbone) -> Iterator[nn.Linear]:
    above_inputs = len(backbone.groups_by_depth()) - 1
    for name, module in backbone.named_modules():
        new = f"{name}.weight" in backbone.new
        if isinstance(module, nn.Linear) and not new and backbone.layers_above(name) < above_inputs:
            yield module
