"""Multi-head self-attention on padded sets."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Self-attention, or attention of given queries to a set.

    Parameters
    ----------
    dim : int
        Width of the vectors, a multiple of `heads`.
    heads : int
    dropout : float
        Probability of dropping an attention weight in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.project_in = nn.Linear(dim, 3 * dim)
        self.project_out = nn.Linear(dim, dim)

    def forward(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Let each vector attend to all of its set.

        Parameters
        ----------
        vectors : Tensor [sets, tokens, dim]
        bias : Tensor [sets, heads or 1, tokens or 1, tokens]
            Added to the logits; minus infinity for padding.

        Returns
        -------
        Tensor [sets, tokens, dim]
        """
        query, key, value = (self._split(part) for part in self.project_in(vectors).chunk(3, dim=-1))
        return self._attend(query, key, value, bias)

    def query(self, vectors: Tensor, others: Tensor, bias: Tensor) -> Tensor:
        """Let each vector attend to others.

        Parameters
        ----------
        vectors : Tensor [sets, queries, dim]
        others : Tensor [sets, tokens, dim]
        bias : Tensor [sets, heads or 1, queries or 1, tokens]
            Added to the logits; minus infinity for padding.

        Returns
        -------
        Tensor [sets, queries, dim]
        """
        query_weight, key_weight, value_weight = self.project_in.weight.chunk(3)
        query_bias, key_bias, value_bias = self.project_in.bias.chunk(3)
        query = self._split(nn.functional.linear(vectors, query_weight, query_bias))
        key = self._split(nn.functional.linear(others, key_weight, key_bias))
        value = self._split(nn.functional.linear(others, value_weight, value_bias))
        return self._attend(query, key, value, bias)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = _mix(query, key, value, bias.to(query.dtype), dropout)
        result: Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return result

    def _split(self, vectors: Tensor) -> Tensor:
        sets, tokens, dim = vectors.shape
        return vectors.view(sets, tokens, self.heads, dim // self.heads).transpose(1, 2)


def _mix(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, dropout: float) -> Tensor:
    # torch 2.13's fused attention for CPU takes 20 times as long backward in bfloat16 as the three operations do.
    if query.dtype is torch.bfloat16 and query.device.type == "cpu":
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + bias
        return nn.functional.dropout(weights.softmax(dim=-1), dropout) @ value
    return scaled_dot_product_attention(query, key, value, bias, dropout)
