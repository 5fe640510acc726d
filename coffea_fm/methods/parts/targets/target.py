"""Base classes of prediction targets."""

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
"""Rows are padded to a multiple of this: in bf16, oneDNN compiles a kernel for each new shape."""


class Surroundings(NamedTuple):
    """Context in which a target is built.

    Attributes
    ----------
    level : Level
        Inputs of the network.
    fields : tuple of str
        Default fields of the targets.
    dim, embedding_dim : int
        Widths of the vectors of hidden particles and of the embedding.
    """

    level: Level
    fields: tuple[FieldName, ...]
    dim: int
    embedding_dim: int


class TargetConfig(Config):
    """Base class of target configurations.

    Parameters
    ----------
    weight : float
        Weight of the loss.
    """

    weight: PositiveFloat = 1.0

    def build(self, around: Surroundings) -> Target:
        """Build the target.

        Raises
        ------
        RecipeError
            If a field that it needs is missing from the inputs.
        """
        raise NotImplementedError


class Target(nn.Module):
    """Base class of prediction targets for hidden particles.

    Parameters
    ----------
    weight : float
        Weight of the loss.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Set buffers from the training jets, once, before the first step of a run."""

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        raise NotImplementedError


class Readout(nn.Module):
    """Applies a row-wise module to any number of rows, padded to a multiple of `ROWS`.

    Parameters
    ----------
    module : nn.Module
        Maps rows to rows, such as a linear layer.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, rows: Tensor) -> Tensor:
        """Apply the module; the result is in single precision."""
        result: Tensor = self.module(pad(rows, (0, 0, 0, -len(rows) % ROWS)))[: len(rows)].float()
        return result
