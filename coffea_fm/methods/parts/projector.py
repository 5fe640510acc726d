"""Layers on top of the backbone during pretraining, discarded afterwards."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from coffea_fm.config import Config


class ProjectorConfig(Config):
    """Size of a projector.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    dim : int
        Width of the projection.
    """

    hidden: Annotated[tuple[PositiveInt, ...], Field(max_length=4)] = (256,)
    dim: PositiveInt = 64


class Projector(nn.Sequential):
    """Linear layers with GELU between them, from embeddings [jets, dim_in] to projections [jets, config.dim]."""

    def __init__(self, config: ProjectorConfig, dim_in: int) -> None:
        layers: list[nn.Module] = []
        for width in config.hidden:
            layers += [nn.Linear(dim_in, width), nn.GELU()]
            dim_in = width
        super().__init__(*layers, nn.Linear(dim_in, config.dim))


class Prototypes(nn.Module):
    """Cosines between vectors and learned directions: class logits of DINO (arXiv:2104.14294) and SwAV (arXiv:2006.09882).

    Parameters
    ----------
    dim : int
        Width of the vectors.
    prototypes : int
        Number of directions.
    """

    def __init__(self, dim: int, prototypes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(normalize(torch.randn(prototypes, dim), dim=-1))

    def forward(self, vectors: Tensor) -> Tensor:
        """Cosines in single precision, [jets, prototypes]."""
        with torch.autocast(vectors.device.type, enabled=False):
            return linear(normalize(vectors.float(), dim=-1), normalize(self.weight, dim=-1))

    @torch.no_grad()
    def set_to_unit_length(self) -> None:
        """Undo the change of the lengths, which the cosines do not depend on but the size of the steps does."""
        self.weight.copy_(normalize(self.weight, dim=-1))
