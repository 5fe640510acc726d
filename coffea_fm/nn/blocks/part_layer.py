"""The layers of the three versions of the Particle Transformer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from coffea_fm.nn.blocks.attention import Attention
from coffea_fm.nn.blocks.dropout import Dropout, DropPath
from coffea_fm.nn.blocks.norm import RMSNorm

Version = Literal[1, 2, 3]


def norm_of(version: Version, dim: int) -> nn.Module:
    """The norm of a version: RMSNorm from version 3 on."""
    return RMSNorm(dim) if version == 3 else nn.LayerNorm(dim)


class SwiGLU(nn.Module):
    """A gated linear layer (arXiv:2002.05202): ``silu(gate(x)) * value(x)``."""

    def __init__(self, dim: int, hidden: int, *, bias: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=bias)
        self.value = nn.Linear(dim, hidden, bias=bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Apply it to rows, [..., dim]."""
        product: Tensor = silu(self.gate(rows)) * self.value(rows)
        return product


class ParTLayer(nn.Module):
    """A pre-norm layer. Version 1 has the scalings of NormFormer (arXiv:2110.09456), 2 and 3 have SwiGLU instead.

    Parameters
    ----------
    dim, heads : int
    version : {1, 2, 3}
        Version 3 also has RMSNorm and no biases.
    dropout : float
        Dropout probability of units and attention weights.
    drop_path : float
        Probability of skipping an update of a jet.
    """

    def __init__(self, dim: int, heads: int, version: Version, dropout: float, drop_path: float) -> None:
        super().__init__()
        bias = version < 3
        self.attention_norm = norm_of(version, dim)
        self.attention = Attention(dim, heads, dropout, bias=bias)
        self.dropout = Dropout(dropout)
        self.drop_path = DropPath(drop_path)
        self.attention_scale: Tensor | None = None
        self.residual_scale: Tensor | None = None
        self.attention_out_norm: nn.Module = nn.Identity()
        last = nn.Linear(4 * dim, dim, bias=bias)
        if version == 1:
            self.attention_scale = nn.Parameter(torch.ones(heads))
            self.attention_out_norm = nn.LayerNorm(dim)
            first, between = nn.Linear(dim, 4 * dim), nn.LayerNorm(4 * dim)
            self.feed_forward = nn.Sequential(nn.LayerNorm(dim), first, nn.GELU(), Dropout(dropout), between, last)
            self.residual_scale = nn.Parameter(torch.ones(dim))
        else:
            gated = SwiGLU(dim, 4 * dim, bias=bias)
            self.feed_forward = nn.Sequential(norm_of(version, dim), gated, Dropout(dropout), last)

    def forward(self, rows: Tensor, shape: tuple[int, int], bias: Tensor) -> Tensor:
        """Update the vectors of all sets, as one matrix; see `Attention`."""
        attended = self.attention(self.attention_norm(rows), shape, bias, self.attention_scale)
        return self._update(rows, attended, shape[0])

    def attend(self, token: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
        """Update the class token by attention to itself and the particles of its jet (arXiv:2103.17239)."""
        together = self.attention_norm(torch.cat((token, vectors), dim=1))
        attended = self.attention.gather(token, together, bias, self.attention_scale)
        return self._update(token, attended, len(token))

    def _update(self, vectors: Tensor, attended: Tensor, n_sets: int) -> Tensor:
        vectors = vectors + self.drop_path(self.dropout(self.attention_out_norm(attended)), n_sets)
        change = self.drop_path(self.dropout(self.feed_forward(vectors)), n_sets)
        kept = vectors if self.residual_scale is None else vectors * self.residual_scale
        updated: Tensor = kept + change
        return updated
