"""A pre-norm transformer layer."""

from __future__ import annotations

import math

from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import Attention
from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.nn.blocks.positions import Rotation


class Block(nn.Module):
    """Attention and a feed-forward layer, each with a residual connection.

    Parameters
    ----------
    dim, heads : int
    layers : int
        Number of blocks in the network; the initial weights are scaled down with it.
    feed_forward : int
        Hidden width of the feed-forward layer, in units of `dim`.
    dropout : float
    """

    def __init__(self, dim: int, heads: int, layers: int, feed_forward: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = dim * feed_forward
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        last = nn.Linear(hidden, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), last)
        self.dropout = Dropout(dropout)
        for update in (self.attention.project_out, last):
            nn.init.normal_(update.weight, std=0.5 / math.sqrt(update.in_features * 2 * layers))

    def forward(self, rows: Tensor, shape: tuple[int, int], bias: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Update the vectors of all sets, as one matrix; see `Attention`."""
        rows = rows + self.dropout(self.attention(self.attention_norm(rows), shape, bias, rotation=rotation))
        updated: Tensor = rows + self.dropout(self.feed_forward(rows))
        return updated
