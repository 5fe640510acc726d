"""One more vector at the end of a sequence, for generation with a cache of keys and values."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from coffea_fm.nn.blocks.transformer import Block

Past = tuple[Tensor, Tensor]
"""Keys and values of earlier vectors in one block, each [sets, heads, earlier vectors, dim / heads]."""


def append(block: Block, rows: Tensor, past: Past | None) -> tuple[Tensor, Past]:
    """Update the last vector of each set as the block does under causal attention.

    Parameters
    ----------
    block : Block
    rows : Tensor [sets, dim]
        The last vector of each set. All sets are equally long, and without padding.
    past : tuple of Tensor or None
        What this function returned for the vectors before; None for the first.

    Returns
    -------
    rows : Tensor [sets, dim]
        The updated vectors.
    past : tuple of Tensor
        Keys and values, including those of these vectors.
    """
    attention = block.attention
    parts = attention.project_in(block.attention_norm(rows)).view(len(rows), 3, attention.heads, 1, -1)
    query, key, value = parts.unbind(dim=1)
    if past is not None:
        key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
    mixed = scaled_dot_product_attention(query, key, value)
    rows = rows + attention.project_out(mixed.reshape(rows.shape))
    updated: Tensor = rows + block.feed_forward(rows)
    return updated, (key, value)
