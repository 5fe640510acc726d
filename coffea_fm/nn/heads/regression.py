"""Regression of numbers such as a mass from an embedding."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig, layers
from coffea_fm.nn.sizes import Width
from coffea_fm.tokens import Level


class RegressionHeadConfig(HeadConfig):
    """Architecture of a regression head.

    Parameters
    ----------
    targets : tuple of str
        Columns of the shards to predict.
    hidden : tuple of int
        Widths of the hidden layers; empty for a linear head.
    dropout : float
        Dropout probability of the embedding.
    """

    kind: Literal["regression"] = "regression"
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    hidden: tuple[Width, ...] = ()
    dropout: float = 0.0

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> RegressionHead:  # noqa: ARG002
        """Build the head."""
        return RegressionHead(self, level, dim)


class RegressionHead(Head):
    """Predicts numbers from an embedding: standardised in training, in physical units in the exported graph.

    Parameters
    ----------
    config : RegressionHeadConfig
    level : Level
        The level that the predictions belong to.
    dim : int
        Width of the embedding.
    """

    output: ClassVar = "regression"
    mean: Tensor
    deviation: Tensor

    def __init__(self, config: RegressionHeadConfig, level: Level, dim: int) -> None:
        super().__init__()
        self.level, self.columns = level.name, config.targets
        self.layers = layers(dim, config.hidden, len(config.targets), config.dropout)
        self.register_buffer("mean", torch.zeros(len(config.targets)))
        self.register_buffer("deviation", torch.ones(len(config.targets)))

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict standardised numbers, [things, targets]."""
        numbers: Tensor = self.layers(embedding)
        return numbers

    @property
    def unit(self) -> Tensor:
        """Standard deviation of the targets."""
        return self.deviation

    def standardised(self, targets: Tensor) -> Tensor:
        """Standardise these targets, [things, targets], as `forward` predicts them."""
        return (targets - self.mean) / self.deviation

    def answer(self, result: Tensor) -> Tensor:
        """Convert predictions to the units of the shards."""
        return result * self.deviation + self.mean
