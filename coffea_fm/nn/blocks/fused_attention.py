"""The attention operator of ONNX, which the exporter of torch does not know."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

OPSET = 23
"""The first version of ONNX with this operator."""


def fused_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, heads: int) -> Tensor:
    """Attention of all heads, exported as one ``Attention`` node that needs no transposed copies.

    Parameters
    ----------
    query, key, value : Tensor [sets, tokens, dim]
        The heads side by side. The query is already scaled.
    bias : Tensor [sets, heads or 1, tokens or 1, tokens]
        Added to the logits.
    heads : int

    Returns
    -------
    Tensor [sets, tokens, dim]
    """
    return cast("Tensor", _FusedAttention.apply(query, key, value, bias, heads))


class _FusedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, heads: int) -> Tensor:
        split = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
        return scaled_dot_product_attention(*split, bias, scale=1.0).transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(graph: Any, query: Any, key: Any, value: Any, bias: Any, heads: int) -> Any:
        node = graph.op(
            "Attention", query, key, value, bias, q_num_heads_i=heads, kv_num_heads_i=heads, scale_f=1.0
        )
        return node.setType(query.type())
