"""Embedding to class logits."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig, layers
from coffea_fm.nn.sizes import Width
from coffea_fm.tokens import Level


class ClassificationHeadConfig(HeadConfig):
    """Architecture of a classification head.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers; empty for a linear head.
    dropout : float
        Dropout probability of the embedding.
    """

    kind: Literal["classification"] = "classification"
    hidden: tuple[Width, ...] = ()
    dropout: float = 0.0

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> ClassificationHead:  # noqa: ARG002
        """Build the head."""
        return ClassificationHead(self, level, dim, classes)


class ClassificationHead(Head):
    """Class logits from an embedding.

    Parameters
    ----------
    config : ClassificationHeadConfig
    level : Level
        The level that is classified.
    dim : int
        Width of the embedding.
    classes : tuple of str
        Names of the classes.
    """

    output: ClassVar = "scores"

    def __init__(self, config: ClassificationHeadConfig, level: Level, dim: int, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.level, self.columns = level.name, classes
        self.layers = layers(dim, config.hidden, len(classes), config.dropout)

    def forward(self, embedding: Tensor) -> Tensor:
        """Compute logits, [things, classes]."""
        logits: Tensor = self.layers(embedding)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Convert logits to probabilities that add up to 1."""
        return result.softmax(dim=-1)
