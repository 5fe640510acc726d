"""Embedding to class logits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from coffea_fm.nn.dropout import Dropout


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


class ClassificationHead(nn.Module):
    """Logits of classes from an embedding; softmax is added at export.

    Parameters
    ----------
    config : ClassificationHeadConfig
    dim : int
        Width of the embedding.
    classes : int
        Number of classes.
    """

    def __init__(self, config: ClassificationHeadConfig, dim: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Dropout(config.dropout)]
        for width in config.hidden:
            layers += [nn.Linear(dim, width), nn.GELU()]
            dim = width
        self.layers = nn.Sequential(*layers, nn.Linear(dim, classes))

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits, [sets, classes]."""
        logits: Tensor = self.layers(embedding)
        return logits
