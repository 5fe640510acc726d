"""Ways to read one vector per set out of the vectors of its registers and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import Attention, padding_bias

Embedding = Literal["register", "mean", "attention", "layers"]


def mean(vectors: Tensor, real: Tensor) -> Tensor:
    """Mean over the real vectors, [sets, dim], of vectors [sets, n, dim]; `real` is [sets, n], one of them at least."""
    return vectors.masked_fill(~real.unsqueeze(-1), 0.0).sum(dim=1) / real.sum(dim=1, keepdim=True)


def summaries(blocks: Sequence[Tensor], real: Tensor, registers: int) -> Tensor:
    """Means and registers of the output of each block.

    Parameters
    ----------
    blocks : sequence of Tensor [sets, registers + tokens, dim]
    real : Tensor, bool [sets, registers + tokens]
        True for registers and real tokens.
    registers : int

    Returns
    -------
    Tensor [sets, blocks, 1 + registers, dim]
        The mean first.
    """
    parts = [torch.cat((mean(block, real).unsqueeze(1), block[:, :registers]), dim=1) for block in blocks]
    return torch.stack(parts, dim=1)


class AttentionPooling(nn.Module):
    """The mean, plus what one learned query finds: nothing before training, so that it starts as the mean.

    Parameters
    ----------
    dim, heads : int
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.attention = Attention(dim, heads)
        nn.init.zeros_(self.attention.project_out.weight)
        nn.init.zeros_(self.attention.project_out.bias)

    def forward(self, vectors: Tensor, real: Tensor) -> Tensor:
        """Pool vectors [sets, n, dim]; `real` is bool [sets, n]."""
        query = self.query.expand(vectors.shape[0], -1, -1)  # len would be a constant in an exported graph
        found = self.attention.gather(query, vectors, padding_bias(real, vectors.dtype)[:, 0])
        return mean(vectors, real) + found[:, 0]


class LayerMix(nn.Module):
    """Weighted mean of the `summaries` of all blocks; the weights are a softmax (arXiv:1802.05365).

    Each summary is standardised first, because vectors grow from block to block.

    Parameters
    ----------
    blocks, registers, dim : int
    """

    def __init__(self, blocks: int, registers: int, dim: int) -> None:
        super().__init__()
        self.standardise = nn.LayerNorm(dim, elementwise_affine=False)
        self.logits = nn.Parameter(torch.zeros(blocks, 1 + registers))

    def forward(self, found: Tensor) -> Tensor:
        """Mix summaries [sets, blocks, 1 + registers, dim]: [sets, dim]."""
        weights = self.logits.flatten().softmax(dim=0)
        mixed: Tensor = weights @ self.standardise(found).flatten(1, 2)
        return mixed
