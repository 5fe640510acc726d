"""What every backbone is: things with their tokens in, an embedding and a vector for each token out."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import model_validator
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.tokens import Level


class BackboneConfig(Config):
    """Base of the configurations of backbones; each has a ``kind`` of its own.

    A new backbone is a file beside this one, with a configuration and a module, and a line in
    ``coffea_fm.nn.backbones``.
    """

    kind: str

    def build(self, level: Level) -> Backbone:
        """The backbone, freshly initialised from torch's global random state.

        Raises
        ------
        RecipeError
            If a field that its features read is absent from the level.
        """
        raise NotImplementedError


class AttentionConfig(BackboneConfig):
    """Base of configurations whose width is shared by attention heads."""

    dim: int
    heads: int

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> AttentionConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}; choose one that is")
        return self


class Replacement(NamedTuple):
    """Tokens whose own vectors are replaced before the first layer, as masked modelling does.

    Attributes
    ----------
    where : Tensor, bool [things, tokens]
        Which tokens of the first group.
    vector : Tensor [dim]
        What stands in for them.
    """

    where: Tensor
    vector: Tensor


class Backbone(nn.Module):
    """A network that embeds the things of one level.

    Attributes
    ----------
    config : BackboneConfig
    level : Level
        What it reads: fields of the things, and their groups of tokens.
    dim : int
        Width of the embedding and of the token vectors.
    reads_pairs : bool
        Whether it reads features of pairs of tokens; those of replaced tokens are read as well.
    """

    config: BackboneConfig
    level: Level
    dim: int
    reads_pairs: bool

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of things."""
        raise NotImplementedError

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """Names of all its modules and parameters by depth, those nearest to the inputs first.

        Learning rates that fall with depth, and adapters of low rank, follow it. The first group is what embeds the
        inputs; those after it are layers, one a group, and last what stands above them.
        """
        raise NotImplementedError

    def layers_above(self, name: str) -> int:
        """How many groups of `groups_by_depth` stand above a parameter, by its name in this module."""
        groups = self.groups_by_depth()
        for above, names in enumerate(reversed(groups)):
            if any(name == part or name.startswith(f"{part}.") for part in names):
                return above
        raise KeyError(name)

    def _by_depth(self, layers: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        """These groups, and before them all that is in none."""
        inside = {name.partition(".")[0] for names in layers for name in names}
        own = [
            *(name for name, _ in self.named_children()),
            *(name for name, _ in self.named_parameters(recurse=False)),
        ]
        return (tuple(name for name in own if name not in inside), *layers)
