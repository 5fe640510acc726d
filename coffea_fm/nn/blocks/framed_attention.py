"""Attention between particles with frames of their own (LLoCa, arXiv:2505.20280)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import mix
from coffea_fm.nn.blocks.local_frames import inverse
from coffea_fm.nn.features.minkowski import METRIC


class FramedAttention(nn.Module):
    """Self-attention whose queries, keys and values contain four-vectors besides scalars.

    The four-vectors of a particle are given in its frame. They are transformed to the frame of the jet, where queries
    and keys are multiplied by the Minkowski product, and the result is transformed to the frame of the receiver.

    Parameters
    ----------
    dim : int
        Width of the vectors, a multiple of `heads`.
    heads : int
    vectors : int
        Number of four-vectors per head; the other ``dim / heads - 4 vectors`` channels are scalars.
    """

    def __init__(self, dim: int, heads: int, vectors: int) -> None:
        super().__init__()
        self.dim, self.heads, self.vectors = dim, heads, vectors
        self.project_in = nn.Linear(dim, 3 * dim)
        self.project_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, frames: Tensor, bias: Tensor) -> Tensor:
        """Let each particle attend to all particles of its jet.

        Parameters
        ----------
        x : Tensor [jets, tokens, dim]
        frames : Tensor [jets, tokens, 4, 4]
            Transformations from the frame of the jet to those of the particles. They are divided by their Lorentz
            factors, as in version 2 of the package ``lloca``, so that no boost makes the numbers large.
        bias : Tensor [jets, 1, 1, tokens]
            Added to the logits.
        """
        jets, tokens, _ = x.shape
        width = self.dim // self.heads
        factor = frames[..., :1, :1]
        forth = (frames / factor).unsqueeze(1)
        back = (inverse(frames) / factor).unsqueeze(1)
        query, key, value = (
            self._turned(part.view(jets, tokens, self.heads, width).transpose(1, 2), back)
            for part in self.project_in(x).chunk(3, dim=-1)
        )
        signs = torch.cat((frames.new_tensor(METRIC).repeat(self.vectors), frames.new_ones(width - 4 * self.vectors)))
        mixed = mix(query * signs * width**-0.5, key, value, bias.to(query.dtype), 0.0)
        updated: Tensor = self.project_out(self._turned(mixed, forth).transpose(1, 2).reshape(jets, tokens, self.dim))
        return updated

    def _turned(self, values: Tensor, matrices: Tensor) -> Tensor:
        """Transform the four-vectors of [jets, heads, tokens, width]."""
        jets, heads, tokens, _ = values.shape
        n = 4 * self.vectors
        vectors = values[..., :n].reshape(jets, heads, tokens, self.vectors, 4)
        turned = (vectors @ matrices.transpose(-1, -2).to(vectors.dtype)).reshape(jets, heads, tokens, n)
        return torch.cat((turned, values[..., n:]), dim=-1)


class FramedBlock(nn.Module):
    """A pre-norm transformer layer with `FramedAttention`.

    All channels are numbers in the frame of the particle, so they can be normed and mixed freely.

    Parameters
    ----------
    dim, heads, vectors : int
        See `FramedAttention`.
    layers : int
        Number of blocks in the network; the initial weights are scaled down with it.
    feed_forward : int
        Hidden width of the feed-forward layer, in units of `dim`.
    """

    def __init__(self, dim: int, heads: int, vectors: int, layers: int, feed_forward: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = FramedAttention(dim, heads, vectors)
        last = nn.Linear(dim * feed_forward, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim * feed_forward), nn.GELU(), last)
        for update in (self.attention.project_out, last):
            nn.init.normal_(update.weight, std=0.5 / math.sqrt(update.in_features * 2 * layers))

    def forward(self, x: Tensor, frames: Tensor, bias: Tensor) -> Tensor:
        """Update the vectors [jets, tokens, dim]; see `FramedAttention`."""
        x = x + self.attention(self.attention_norm(x), frames, bias)
        updated: Tensor = x + self.feed_forward(x)
        return updated
