"""What every target is made of."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import pad

from coffea_fm.config import Config
from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.tokenizers.fields import FieldName
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level

ROWS = 64
"""Numbers of rows are multiples of this: in bf16 each new one has to be prepared by the library."""


class Surroundings(NamedTuple):
    """What a target is built for.

    Attributes
    ----------
    level : Level
        What the network reads of a jet.
    fields : tuple of str
        Numbers of a particle that targets are about, unless they say otherwise.
    dim, embedding_dim : int
        Widths of the vectors of hidden particles, and of the embedding.
    """

    level: Level
    fields: tuple[FieldName, ...]
    dim: int
    embedding_dim: int


class TargetConfig(Config):
    """What any target can choose.

    Parameters
    ----------
    weight : float
        Factor of the loss.
    """

    weight: PositiveFloat = 1.0

    def build(self, around: Surroundings) -> Target:
        """The target as a module.

        Raises
        ------
        RecipeError
            If the inputs have not all fields that it needs.
        """
        raise NotImplementedError


class Target(nn.Module):
    """Something to predict of a hidden particle.

    Parameters
    ----------
    weight : float
        Factor of its loss.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Look at the training jets once, before the first step of a run."""

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        raise NotImplementedError


class Readout(nn.Module):
    """Something linear, or made of linear parts, for any number of rows.

    Parameters
    ----------
    module : nn.Module
        Takes and gives rows.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, rows: Tensor) -> Tensor:
        """Rows in single precision, as many as given."""
        result: Tensor = self.module(pad(rows, (0, 0, 0, -len(rows) % ROWS)))[: len(rows)].float()
        return result
