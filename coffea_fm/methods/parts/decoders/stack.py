"""A stack of transformer layers."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import AttentionConfig, padding_bias
from coffea_fm.nn.blocks.transformer import Block


class DecoderConfig(AttentionConfig):
    """Size of a decoder.

    Parameters
    ----------
    dim, layers, heads : int
    """

    dim: PositiveInt = 64
    layers: PositiveInt = 1
    heads: PositiveInt = 4


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
        bias = padding_bias(mask, vectors.dtype)
        rows = vectors.flatten(0, 1)
        for block in self.blocks:
            rows = block(rows, tuple(mask.shape), bias)
        updated: Tensor = self.norm(rows).view(vectors.shape)
        return updated
