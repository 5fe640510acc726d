"""LLoCa (arXiv:2505.20280): the set transformer with a Lorentz frame for each particle, and thereby exactly invariant."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from coffea_fm.nn.backbones.backbone import Replacement
from coffea_fm.nn.backbones.minkowski import MinkowskiBackbone, MinkowskiConfig
from coffea_fm.nn.blocks.attention import AttentionConfig, padding_bias
from coffea_fm.nn.blocks.framed_attention import FramedBlock
from coffea_fm.nn.blocks.local_frames import LocalFrames, inverse
from coffea_fm.nn.features.minkowski import FourVectors
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level


class LLoCaConfig(AttentionConfig, MinkowskiConfig):
    """Architecture of a transformer with local frames.

    Parameters
    ----------
    dim : int
        Width of token vectors and embedding, a multiple of `heads`.
    layers, heads : int
    vectors : int
        Four-vectors per head in the messages between particles; the other channels are scalars.
    frames : int
        Hidden width of the network that predicts the frames.
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    symmetry, features : str
        See `MinkowskiConfig`.
    """

    kind: Literal["lloca"] = "lloca"
    dim: Width = 64
    layers: Count = 4
    heads: Count = 4
    vectors: Count = 2
    frames: Width = 16
    feed_forward: Count = 2

    @model_validator(mode="after")
    def _vectors_fit(self) -> LLoCaConfig:
        if 4 * self.vectors > self.dim // self.heads:
            raise ValueError(
                f"vectors: a head of width {self.dim // self.heads} has no room for {self.vectors} four-vectors"
            )
        return self

    def build(self, level: Level) -> LLoCa:
        """Build the network."""
        return LLoCa(self, level)


class LLoCa(MinkowskiBackbone):
    """Particles described in their frames, with attention that transforms messages from frame to frame.

    A particle starts as its scalars and, in its own frame, its momentum, that of the jet, and the references. The
    embedding is the mean of the token vectors.

    Parameters
    ----------
    config : LLoCaConfig
    level : Level
        The raw fields of the jets, with one group of tokens.
    """

    config: LLoCaConfig

    def __init__(self, config: LLoCaConfig, level: Level) -> None:
        super().__init__(config, level)
        n_scalars, n_references = self.features.n_scalars, len(self.features.references)
        self.frames = LocalFrames(n_scalars, config.frames, n_references)
        self.embed = nn.Sequential(
            nn.Linear(n_scalars + 4 * (2 + n_references), config.dim), nn.GELU(), nn.Linear(config.dim, config.dim)
        )
        self.blocks = nn.ModuleList(
            FramedBlock(config.dim, config.heads, config.vectors, config.layers, config.feed_forward)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def network(self, vectors: FourVectors, replace: Replacement | None = None) -> tuple[Tensor, Tensor]:
        """Embedding [jets, dim] and token vectors [jets, tokens, dim]: the part that is invariant in any precision.

        Parameters
        ----------
        vectors : FourVectors
        replace : Replacement, optional
        """
        mask, known = vectors.mask, vectors.mask
        if replace is not None:
            vectors, known = vectors.without(replace.where), known & ~replace.where
        frames, of_jet = self.frames(vectors, known)
        tokens = self.embed(torch.cat((vectors.scalars, _in_frames(vectors, frames, vectors.scalars.dtype)), dim=-1))
        if replace is not None:
            tokens = torch.where(replace.where.unsqueeze(-1), replace.vector.to(tokens.dtype), tokens)
        from_jet = (frames @ inverse(of_jet).unsqueeze(1)).to(tokens.dtype)
        bias = padding_bias(mask, tokens.dtype).clamp(min=-1e9)  # not infinite: a jet may have no tokens
        for block in self.blocks:
            tokens = block(tokens, from_jet, bias)
        tokens = self.norm(tokens).masked_fill(~mask.unsqueeze(-1), 0.0)
        return tokens.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1), tokens

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The inputs with their frames, each block, and the final norm."""
        return self._by_depth((*((f"blocks.{index}",) for index in range(self.config.layers)), ("norm",)))


def _in_frames(vectors: FourVectors, frames: Tensor, dtype: torch.dtype) -> Tensor:
    """Logarithmic energies and velocities of each particle, the jet and the references in the frame of each particle.

    Returns
    -------
    Tensor [jets, tokens, 4 * (2 + references)]
    """
    of_all = torch.cat((vectors.particles.sum(dim=1, keepdim=True), vectors.references), dim=1).transpose(1, 2)
    seen = torch.cat((frames @ vectors.particles.unsqueeze(-1), frames @ of_all.unsqueeze(1)), dim=-1)
    energy = seen[..., :1, :].clamp(min=1e-6)
    numbers = torch.cat((0.5 * torch.log(energy), seen[..., 1:, :] / energy), dim=-2)
    return numbers.flatten(2).to(dtype)
