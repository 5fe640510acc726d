"""The contract of a backbone: jets with their tokens in, an embedding and one vector per token out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.tokens import Level


class BackboneConfig(Config):
    """Base class of backbone configurations; each has its own ``kind``.

    To add a backbone, write a file next to this one with a configuration and a module, and add a line to
    ``coffea_fm.nn.backbones``.
    """

    kind: str

    def build(self, level: Level) -> Backbone:
        """Build the backbone, initialised from torch's global random state.

        Raises
        ------
        RecipeError
            If the level does not have a field that the features need.
        """
        raise NotImplementedError


class Replacement(NamedTuple):
    """Tokens whose vectors are replaced before the first layer, for masked modelling.

    Attributes
    ----------
    where : Tensor, bool [things, tokens]
        Tokens of the first group to replace.
    vector : Tensor [dim] or [things, tokens, dim]
        The replacement, the same for all tokens or one for each.
    """

    where: Tensor
    vector: Tensor


class Backbone(nn.Module):
    """A network that embeds the things of one level.

    Attributes
    ----------
    config : BackboneConfig
    level : Level
        Its inputs: the fields of the things and their groups of tokens.
    dim : int
        Width of the embedding and of the token vectors.
    reveals_replaced : bool
        Whether a token that is replaced still enters the vectors of others: by features of pairs, by a frame that is
        that of all tokens, or by codes that depend on all.
    new : frozenset of str
        Names of parameters that the checkpoint did not have from which it was loaded.
    ordered : bool
        Whether the order of the tokens of a thing matters.
    """

    new: frozenset[str] = frozenset()
    config: BackboneConfig
    level: Level
    dim: int
    reveals_replaced: bool
    ordered: bool = False

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of things."""
        raise NotImplementedError

    def undecided(self, inputs: Inputs) -> Tensor:
        """Things whose output depends on rounding, bool [things]: none, unless a backbone makes discrete choices."""
        return inputs.values.new_zeros(len(inputs.values), dtype=torch.bool)

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """Names of all modules and parameters, grouped by depth and starting at the inputs.

        Layer-wise learning-rate decay and low-rank adapters use this. The first group embeds the inputs, then each
        layer is one group, and the last group is everything above the layers.
        """
        raise NotImplementedError

    def layers_above(self, name: str) -> int:
        """Number of groups of `groups_by_depth` above the one that contains the parameter `name`."""
        groups = self.groups_by_depth()
        for above, names in enumerate(reversed(groups)):
            if any(name == part or name.startswith(f"{part}.") for part in names):
                return above
        raise KeyError(name)

    def train_new(self) -> None:
        """Let the `new` parameters have gradients, whatever else is frozen."""
        for name, parameter in self.named_parameters():
            if name in self.new:
                parameter.requires_grad_(True)

    def _by_depth(self, layers: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        """Put everything that is in none of these groups in a group before them."""
        inside = {name.partition(".")[0] for names in layers for name in names}
        own = [
            *(name for name, _ in self.named_children()),
            *(name for name, _ in self.named_parameters(recurse=False)),
        ]
        return (tuple(name for name in own if name not in inside), *layers)
