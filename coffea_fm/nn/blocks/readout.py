"""Ways to read one vector per set out of the vectors of its registers and tokens."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import Attention, padding_bias

Embedding = Literal["register", "mean", "attention", "layers"]


class Encoded(NamedTuple):
    """What an encoder computes of registers and tokens.

    Attributes
    ----------
    registers : Tensor [things, registers, dim]
    tokens : Tensor [things, all tokens, dim]
        0 in empty slots.
    mask : Tensor, bool [things, all tokens]
        True where there is a token.
    blocks : tuple of Tensor [things, registers + all tokens, dim]
        Output of each block, where it is asked for.
    """

    registers: Tensor
    tokens: Tensor
    mask: Tensor
    blocks: tuple[Tensor, ...] = ()

    @property
    def real(self) -> Tensor:
        """True for registers and real tokens, bool [things, registers + all tokens]."""
        return nn.functional.pad(self.mask, (self.registers.shape[1], 0), value=True)


def mean(vectors: Tensor, real: Tensor) -> Tensor:
    """Mean over the real vectors, [sets, dim], of vectors [sets, n, dim]; `real` is [sets, n], one of them at least."""
    return vectors.masked_fill(~real.unsqueeze(-1), 0.0).sum(dim=1) / real.sum(dim=1, keepdim=True)


def summaries(encoded: Encoded) -> Tensor:
    """Mean and registers of the output of each block, the mean first: [things, blocks, 1 + registers, dim]."""
    real, registers = encoded.real, encoded.registers.shape[1]
    parts = [torch.cat((mean(block, real).unsqueeze(1), block[:, :registers]), dim=1) for block in encoded.blocks]
    return torch.stack(parts, dim=1)


class FirstRegister(nn.Module):
    """The first register."""

    def forward(self, encoded: Encoded) -> Tensor:
        """Read it out, [things, dim]."""
        return encoded.registers[:, 0]


class Mean(nn.Module):
    """The mean over registers and real tokens."""

    def forward(self, encoded: Encoded) -> Tensor:
        """Pool: [things, dim]."""
        total = encoded.registers.sum(dim=1) + encoded.tokens.sum(dim=1)
        return total / encoded.real.sum(dim=1, keepdim=True)


class AttentionPooling(nn.Module):
    """The mean, plus what one learned query finds: nothing before training, so that it starts as the mean.

    Parameters
    ----------
    dim, heads : int
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.mean = Mean()
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.attention = Attention(dim, heads)
        nn.init.zeros_(self.attention.project_out.weight)
        nn.init.zeros_(self.attention.project_out.bias)

    def forward(self, encoded: Encoded) -> Tensor:
        """Pool: [things, dim]."""
        vectors = torch.cat((encoded.registers, encoded.tokens), dim=1)
        query = self.query.expand(vectors.shape[0], -1, -1)  # len would be a constant in an exported graph
        found = self.attention.gather(query, vectors, padding_bias(encoded.real, vectors.dtype)[:, 0])
        pooled: Tensor = self.mean(encoded) + found[:, 0]
        return pooled


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

    def forward(self, encoded: Encoded) -> Tensor:
        """Pool: [things, dim]."""
        return self.mix(summaries(encoded))

    def mix(self, found: Tensor) -> Tensor:
        """Mix summaries [things, blocks, 1 + registers, dim]: [things, dim]."""
        weights = self.logits.flatten().softmax(dim=0)
        mixed: Tensor = weights @ self.standardise(found).flatten(1, 2)
        return mixed


def build_readout(kind: Embedding, dim: int, heads: int, blocks: int, registers: int) -> nn.Module:
    """Build the read-out of that name."""
    match kind:
        case "register":
            return FirstRegister()
        case "mean":
            return Mean()
        case "attention":
            return AttentionPooling(dim, heads)
        case "layers":
            return LayerMix(blocks, registers, dim)
