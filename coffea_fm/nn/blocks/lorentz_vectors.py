"""Blocks of L-GATr-slim from the package ``lgatr``, computed with operations that the ONNX exporter supports."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from coffea_fm.nn.blocks.attention import mix


def slim_block(block: Any, vectors: Tensor, scalars: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Apply a ``lgatr.layers.SlimBlock``.

    The package reshapes with ``unflatten`` and ``movedim``, which the exporter writes wrongly; everything else is its
    own code.

    Parameters
    ----------
    block : lgatr.layers.slim_layers.SlimBlock
    vectors : Tensor [sets, tokens, 4, vector channels]
    scalars : Tensor [sets, tokens, scalar channels]
    bias : Tensor [sets, 1, 1, tokens]
        Added to the attention logits; very negative for padding.
    """
    normed_vectors, normed_scalars = block.norm1(vectors, scalars)
    more_vectors, more_scalars = _attention(block.attention, normed_vectors, normed_scalars, bias)
    vectors, scalars = vectors + more_vectors, scalars + more_scalars
    more_vectors, more_scalars = block.mlp(*block.norm2(vectors, scalars))
    return vectors + more_vectors, scalars + more_scalars


def _attention(attention: Any, vectors: Tensor, scalars: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    sets, tokens = scalars.shape[:2]
    n_vectors, n_scalars, heads = attention.hidden_v_channels, attention.hidden_s_channels, attention.num_heads
    all_vectors, all_scalars = attention.linear_in(vectors, scalars)
    by_head = (
        all_vectors.view(sets, tokens, 4, 3, n_vectors, heads).permute(3, 0, 5, 1, 2, 4),
        all_scalars.view(sets, tokens, 3, n_scalars, heads).permute(2, 0, 4, 1, 3),
    )
    normed_vectors, normed_scalars = attention.norm(*by_head)
    width = 4 * n_vectors
    query, key, value = (
        torch.cat((part.reshape(sets, heads, tokens, width), scalar), dim=-1)
        for part, scalar in zip(
            (normed_vectors[0] * attention.metric.unsqueeze(-1), normed_vectors[1], normed_vectors[2]),
            normed_scalars.unbind(0),
            strict=True,
        )
    )
    mixed = mix(query * (width + n_scalars) ** -0.5, key, value, bias.to(query.dtype), 0.0)
    mixed_vectors = mixed[..., :width].reshape(sets, heads, tokens, 4, n_vectors).permute(0, 2, 3, 1, 4)
    mixed_scalars = mixed[..., width:].transpose(1, 2)
    found: tuple[Tensor, Tensor] = attention.linear_out(
        mixed_vectors.reshape(sets, tokens, 4, heads * n_vectors),
        mixed_scalars.reshape(sets, tokens, heads * n_scalars),
    )
    return found
