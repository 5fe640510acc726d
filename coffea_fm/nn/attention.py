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

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = _mix(query, key, value, bias.to(query.dtype), dropout)
        result: Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return result

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.view(*vectors.shape[:2], self.heads, -1).transpose(1, 2)


def _mix(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, dropout: float) -> Tensor:
    # torch 2.13's fused attention for CPU takes 20 times as long backward in bfloat16 as the three operations do.
    if query.dtype is torch.bfloat16 and query.device.type == "cpu":
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + bias
        return nn.functional.dropout(weights.softmax(dim=-1), dropout) @ value
    return scaled_dot_product_attention(query, key, value, bias, dropout)
