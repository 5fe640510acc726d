"""Parts of the Point-Edge Transformer 2 of OmniLearned (arXiv:2510.24066)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import mix
from coffea_fm.nn.blocks.dynamic_tanh import DynamicTanh
from coffea_fm.nn.blocks.edge_conv import nearest

NEVER = -1e9
"""Attention logit of padding; the exponential is exactly 0, and the mean over no token at all is finite."""


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, and a dynamic tanh after it unless `norm` is False."""

    def __init__(self, width: int, hidden: int, out: int, *, bias: bool = True, norm: bool = True) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden, bias=bias)
        self.norm = DynamicTanh(hidden) if norm else nn.Identity()
        self.fc2 = nn.Linear(hidden, out, bias=bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Apply it to vectors [..., width]."""
        found: Tensor = self.fc2(self.norm(nn.functional.gelu(self.fc1(vectors))))
        return found


class PlainAttention(nn.Module):
    """Multi-head attention of some tokens to others, without biases in the projections."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_in = nn.Linear(dim, 3 * dim, bias=False)
        self.project_out = nn.Linear(dim, dim, bias=False)

    def forward(self, queries: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
        """Attend from queries [sets, tokens, dim] to vectors [sets, others, dim], with a bias of the logits."""
        dim = queries.shape[-1]
        weights = self.project_in.weight.chunk(3)
        query, key, value = (
            self._split(nn.functional.linear(given, weight))
            for given, weight in zip((queries, vectors, vectors), weights, strict=True)
        )
        mixed = mix(query * (dim // self.heads) ** -0.5, key, value, bias.to(query.dtype), 0.0)
        found: Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return found

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.view(*vectors.shape[:2], self.heads, vectors.shape[2] // self.heads).transpose(1, 2)


class PetBlock(nn.Module):
    """Attention and a feed-forward layer with dynamic tanh before each; padding stays 0."""

    def __init__(self, dim: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = DynamicTanh(dim), DynamicTanh(dim)
        self.attn = PlainAttention(dim, heads)
        self.mlp = FeedForward(dim, feed_forward * dim, dim)

    def forward(self, vectors: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        """Update vectors [sets, tokens, dim], with mask [sets, tokens, 1] and a bias of the logits."""
        normed = self.norm1(vectors)
        vectors = vectors + self.attn(normed, normed, bias) * mask
        updated: Tensor = vectors + self.mlp(self.norm2(vectors)) * mask
        return updated


class ClassBlock(nn.Module):
    """Attention of the class tokens to the particles, and a feed-forward layer."""

    def __init__(self, dim: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.norm = DynamicTanh(dim)
        self.attn = PlainAttention(dim, heads)
        self.mlp = FeedForward(dim, feed_forward * dim, dim)

    def forward(self, tokens: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
        """Update class tokens [sets, class tokens, dim] from vectors [sets, tokens, dim]."""
        tokens = tokens + self.attn(tokens, vectors, bias)
        updated: Tensor = tokens + self.mlp(self.norm(tokens))
        return updated


class LocalBlock(nn.Module):
    """Attention among the nearest neighbours in (η, φ) of each particle, and the mean of them.

    Parameters
    ----------
    width : int
        Number of features of a particle; Δη, Δφ and ln pT are the first three.
    dim, heads, feed_forward, layers : int
    neighbours : int
    pairs : bool
        Read `pair_features` of each particle and its neighbour, in addition to the difference of their features.
    """

    def __init__(
        self, width: int, dim: int, heads: int, feed_forward: int, layers: int, neighbours: int, *, pairs: bool
    ) -> None:
        super().__init__()
        self.neighbours, self.pairs = neighbours, pairs
        self.mlp = FeedForward(width + 3 * pairs, feed_forward * dim, dim)
        self.in_blocks = nn.ModuleList(PetBlock(dim, heads, 2) for _ in range(layers))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """One vector per particle, [sets, tokens, dim], from features [sets, tokens, width]."""
        sets, tokens, count = *mask.shape, self.neighbours
        others, found = self._neighbours(features, mask)
        centre = features.unsqueeze(2)
        edges = centre - others
        if self.pairs:
            edges = torch.cat((edges, pair_features(centre, others)), dim=-1)
        real = found.reshape(sets * tokens, count, 1)
        bias = torch.zeros_like(real, dtype=edges.dtype).masked_fill(~real, NEVER).view(-1, 1, 1, count)
        edges = edges.masked_fill(~found.unsqueeze(-1), 0.0).flatten(0, 1)
        vectors = self.mlp(edges) * real
        for block in self.in_blocks:
            vectors = block(vectors, real, bias)
        mean: Tensor = vectors.sum(dim=1) / real.sum(dim=1).clamp(min=1)
        return mean.view(sets, tokens, mean.shape[-1]) * mask.unsqueeze(-1)

    def _neighbours(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the neighbours, [sets, tokens, neighbours, width], and where there are so many."""
        sets, tokens, width = features.shape
        index = nearest(features[..., :2], features, mask, self.neighbours)
        more = self.neighbours + 1  # rows of absent neighbours
        rows = (index + (tokens + more) * torch.arange(sets, device=mask.device).view(-1, 1, 1)).flatten()
        padded = nn.functional.pad(features, (0, 0, 0, more)).flatten(0, 1)
        real = nn.functional.pad(mask, (0, more)).flatten()
        others = padded.index_select(0, rows).view(sets, tokens, self.neighbours, width)
        return others, real.index_select(0, rows).view(index.shape)


class TimeEmbedding(nn.Module):
    """A vector for each time of a flow, from random Fourier features; 0 at time 0."""

    freqs: Tensor
    phases: Tensor

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 2 * math.pi * torch.randn(dim))
        self.register_buffer("phases", 2 * math.pi * torch.rand(dim))
        self.layers = FeedForward(dim, hidden, dim, bias=False)

    def forward(self, time: Tensor) -> Tensor:
        """Embed times [sets]: [sets, dim]."""
        time = time.unsqueeze(-1)
        found: Tensor = self.layers(time * math.sqrt(2) * torch.cos(time * self.freqs + self.phases))
        return found


def attention_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Bias of the logits for a mask [sets, tokens], True where there is a token: [sets, 1, 1, tokens]."""
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, NEVER)[:, None, None, :]


def pair_features(a: Tensor, b: Tensor) -> Tensor:
    """Logarithms ln m², ln ΔR and ln kT of massless particles, 0 where the argument is 0; from Δη, Δφ, ln pT.

    Returns
    -------
    Tensor [..., 3]
    """
    delta_eta, delta_phi, log_pts = a[..., 0] - b[..., 0], a[..., 1] - b[..., 1], a[..., 2] + b[..., 2]
    # cosh x - cos y = 2 sinh² x/2 + 2 sin² y/2, without cancellation
    opening = torch.sinh(delta_eta / 2).square() + torch.sin(delta_phi / 2).square()
    mass_squared = 4 * torch.exp(log_pts) * opening
    distance = torch.sqrt(delta_eta.square() + delta_phi.square())
    kt = torch.exp(torch.minimum(a[..., 2], b[..., 2])) * distance
    return torch.stack([torch.log(torch.where(x > 0, x, 1.0)) for x in (mass_squared, distance, kt)], dim=-1)
