"""A stack of transformer layers."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.blocks.transformer import Block


class DecoderConfig(Config):
    """Size of a decoder.

    Parameters
    ----------
    dim, layers, heads : int
    """

    dim: PositiveInt = 64
    layers: PositiveInt = 1
    heads: PositiveInt = 4

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> DecoderConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}; choose one that is")
        return self


class Stack(nn.Module):
    """Self-attention among the vectors of each set.

    Parameters
    ----------
    config : DecoderConfig
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config.dim, config.heads, config.layers) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Update the vectors; the shape is unchanged.

        Parameters
        ----------
        vectors : Tensor [jets, tokens, dim]
        mask : Tensor, bool [jets, tokens]
            True for real tokens; each set needs at least one.
        """
        bias = torch.zeros_like(mask, dtype=vectors.dtype).masked_fill(~mask, -math.inf)[:, None, None, :]
        rows = vectors.flatten(0, 1)
        for block in self.blocks:
            rows = block(rows, tuple(mask.shape), bias)
        updated: Tensor = self.norm(rows).view(vectors.shape)
        return updated
