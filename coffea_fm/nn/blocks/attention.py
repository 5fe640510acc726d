"""Multi-head attention on padded sets."""

from __future__ import annotations

import math

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from coffea_fm.config import Config
from coffea_fm.nn.blocks.dropout import dropout
from coffea_fm.nn.blocks.positions import Rotation


class AttentionConfig(Config):
    """Base class of configurations of networks with multi-head attention.

    Parameters
    ----------
    dim : int
        Width of the vectors, a multiple of `heads`.
    heads : int
    """

    dim: int
    heads: int

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> AttentionConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}; choose one that is")
        return self


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Bias for the logits of an attention that hides empty slots: 0 or minus infinity, [sets, 1, 1, tokens].

    Parameters
    ----------
    mask : Tensor, bool [sets, tokens]
        True where there is a token.
    dtype : torch.dtype
    """
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, -math.inf)[:, None, None, :]


class Attention(nn.Module):
    """Self-attention, or attention of one token to its set.

    Constant factors are applied to the weights rather than to the activations: this is cheaper, and free in an exported
    graph, where they are folded into the weights.

    Parameters
    ----------
    dim : int
        Width of the vectors, a multiple of `heads`.
    heads : int
    dropout : float
        Dropout probability of the self-attention weights.
    bias : bool
        Whether the projections have biases.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0, *, bias: bool = True) -> None:
        super().__init__()
        self.dim = dim
        self.heads = heads
        self.dropout = dropout
        self.project_in = nn.Linear(dim, 3 * dim, bias=bias)
        self.project_out = nn.Linear(dim, dim, bias=bias)

    def forward(
        self,
        rows: Tensor,
        shape: tuple[int, int],
        bias: Tensor,
        scale: Tensor | None = None,
        rotation: Rotation | None = None,
    ) -> Tensor:
        """Let each vector attend to all vectors of its set.

        Parameters
        ----------
        rows : Tensor [sets * tokens, dim]
            The vectors of all sets as one matrix, the fastest layout for matrix products.
        shape : tuple of int
            Number of sets and of tokens per set.
        bias : Tensor [sets, heads or 1, tokens or 1, tokens]
            Added to the logits; minus infinity for padding.
        scale : Tensor [heads], optional
            Multiplies each block of ``dim / heads`` columns of the result.
        rotation : Rotation, optional
            Rotary positions of the tokens.

        Returns
        -------
        Tensor [sets * tokens, dim]
        """
        (query_weight, key_weight, value_weight), (query_bias, key_bias, value_bias) = self._projections()
        if torch.onnx.is_in_onnx_export():
            query, key, value = (
                linear(rows, query_weight, query_bias),
                linear(rows, key_weight, key_bias),
                linear(rows, value_weight, value_bias),
            )
        else:
            weight = torch.cat((query_weight, key_weight, value_weight))
            biases = (query_bias, key_bias, value_bias)
            together = torch.cat([part for part in biases if part is not None]) if query_bias is not None else None
            query, key, value = linear(rows, weight, together).chunk(3, dim=-1)
        probability = self.dropout if self.training else 0.0
        query, key, value = (self._split(part, *shape) for part in (query, key, value))
        if rotation is not None:
            query, key = rotation.turn(query), rotation.turn(key)
        mixed = mix(query, key, value, bias.to(query.dtype), probability)
        return self._project_out(mixed.transpose(1, 2).reshape(-1, self.dim), scale)

    def gather(self, token: Tensor, vectors: Tensor, bias: Tensor, scale: Tensor | None = None) -> Tensor:
        """Let one token per set attend to the vectors of the set, without projecting the vectors.

        The projections are linear, so the single query is mapped to the space of the vectors, and the weighted mean of
        the vectors to the space of the values. The key bias adds a constant to all logits and cancels in the softmax.

        Parameters
        ----------
        token : Tensor [sets, 1, dim]
        vectors : Tensor [sets, tokens, dim]
        bias : Tensor [sets, 1, tokens]
            Added to the logits; minus infinity for padding.
        scale : Tensor [heads], optional
            Multiplies each block of ``dim / heads`` columns of the result.

        Returns
        -------
        Tensor [sets, 1, dim]
        """
        (query_weight, key_weight, value_weight), (query_bias, _, value_bias) = self._projections()
        query = self._split(linear(token, query_weight, query_bias), token.shape[0], 1)
        query = (query @ self._by_head(key_weight))[:, :, 0]
        weights = (query @ vectors.transpose(1, 2) + bias.to(query.dtype)).softmax(dim=-1)
        values = (weights @ vectors).unsqueeze(2) @ self._by_head(value_weight).transpose(1, 2)
        mixed = values.transpose(1, 2).flatten(2)
        return self._project_out(mixed if value_bias is None else mixed + value_bias, scale)

    def _projections(self) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
        factor = (self.dim // self.heads) ** -0.5
        query_weight, *weights = self.project_in.weight.chunk(3)
        bias: Tensor | None = self.project_in.bias
        if bias is None:
            return (query_weight * factor, *weights), (None, None, None)
        query_bias, *biases = bias.chunk(3)
        return (query_weight * factor, *weights), (query_bias * factor, *biases)

    def _project_out(self, vectors: Tensor, scale: Tensor | None) -> Tensor:
        weight: Tensor = self.project_out.weight
        bias: Tensor | None = self.project_out.bias
        if scale is not None:
            rows = scale.repeat_interleave(self.dim // self.heads)
            weight, bias = weight * rows.unsqueeze(1), None if bias is None else bias * rows
        return linear(vectors, weight, bias)

    def _split(self, vectors: Tensor, sets: int, tokens: int) -> Tensor:
        return vectors.view(sets, tokens, self.heads, self.dim // self.heads).transpose(1, 2)

    def _by_head(self, weight: Tensor) -> Tensor:
        return weight.view(self.heads, -1, self.dim)


def causal_bias(first: int, tokens: int, like: Tensor) -> Tensor:
    """Bias that hides later tokens: 0 or minus infinity, [1, 1, first + tokens, first + tokens].

    Parameters
    ----------
    first : int
        Number of vectors before the tokens. All tokens see them. They see one another and no token.
    tokens : int
    like : Tensor
        Of the dtype and device of the bias.
    """
    order = nn.functional.pad(torch.arange(1, tokens + 1, device=like.device), (first, 0))
    later = order.unsqueeze(0) > order.unsqueeze(1)
    return torch.zeros_like(later, dtype=like.dtype).masked_fill(later, -math.inf)[None, None]


def mix(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, probability: float) -> Tensor:
    """Mean of the values, weighted by the softmax of ``query @ key + bias``; all of shape [sets, heads, tokens, dim]."""
    # On CPU, the backward pass of torch 2.13's fused attention in bfloat16 is 20 times slower than these three
    # operations, and it has no dropout. A softmax in bfloat16 is twice as slow as in float32.
    plain = query.device.type == "cpu" and (query.dtype is torch.bfloat16 or probability > 0)
    if plain or torch.onnx.is_in_onnx_export():
        logits = (query @ key.transpose(-2, -1)).add_(bias)
        weights = logits.float().softmax(dim=-1).to(value.dtype)
        return dropout(weights, probability) @ value
    return scaled_dot_product_attention(query, key, value, bias, probability, scale=1.0)
