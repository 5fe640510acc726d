"""Embedding to class logits."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from coffea_fm.nn.heads.head import Head, layers


class ClassificationHeadConfig(BaseModel):
    """Shape of a classification head.

    Parameters
    ----------
    hidden : tuple of int
        Widths of hidden layers; none for a linear head.
    dropout : float
        Probability of dropping a unit of the embedding, in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["classification"] = "classification"
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0


class ClassificationHead(Head):
    """Logits of classes from an embedding.

    Parameters
    ----------
    config : ClassificationHeadConfig
    dim : int
        Width of the embedding.
    classes : int
        Number of classes.
    """

    output: ClassVar = "scores"

    def __init__(self, config: ClassificationHeadConfig, dim: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = layers(dim, config.hidden, classes, config.dropout)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits, [sets, classes]."""
        logits: Tensor = self.layers(embedding)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Probabilities that add up to 1."""
        return result.softmax(dim=-1)
