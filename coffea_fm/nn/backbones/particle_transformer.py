"""The Particle Transformer (arXiv:2202.03772), to the letter, computed on real tokens and real pairs only."""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator
from torch import Tensor, nn

from coffea_fm.nn.attention import Attention
from coffea_fm.nn.dropout import Dropout
from coffea_fm.nn.features import FeatureKind, Features
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.pair_bias import PairBias
from coffea_fm.tokens.spec import InputSpec


class ParticleTransformerConfig(BaseModel):
    """Size of a Particle Transformer; the defaults are those of the paper.

    Parameters
    ----------
    dim : int
        Width of token vectors and embedding, a multiple of `heads`.
    embed : tuple of int
        Hidden widths between the features and `dim`.
    pair_hidden : tuple of int
        Hidden widths between the pair features and the heads.
    layers, class_layers, heads : int
    features : {"full", "jetclass", "kinematic"}
        Network inputs made of the raw fields.
    dropout : float
        Probability of dropping a unit or an attention weight of the particle layers, in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["particle-transformer"] = "particle-transformer"
    dim: PositiveInt = 128
    embed: tuple[PositiveInt, ...] = (128, 512)
    pair_hidden: tuple[PositiveInt, ...] = (64, 64, 64)
    layers: PositiveInt = 8
    class_layers: PositiveInt = 2
    heads: PositiveInt = 8
    features: FeatureKind = "jetclass"
    dropout: float = 0.1

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> ParticleTransformerConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}; choose one that is")
        return self


class _Block(nn.Module):
    """A pre-norm layer with the scalings of NormFormer (arXiv:2110.09456)."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dropout)
        self.attention_scale = nn.Parameter(torch.ones(heads))
        self.attention_out_norm = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            Dropout(dropout),
            nn.LayerNorm(4 * dim),
            nn.Linear(4 * dim, dim),
        )
        self.residual_scale = nn.Parameter(torch.ones(dim))
        self.dropout = Dropout(dropout)

    def forward(self, rows: Tensor, shape: tuple[int, int], bias: Tensor) -> Tensor:
        return self._update(rows, self.attention(self.attention_norm(rows), shape, bias, self.attention_scale))

    def attend(self, token: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
        """Update a class token from itself and the vectors of its set (arXiv:2103.17239)."""
        together = self.attention_norm(torch.cat((token, vectors), dim=1))
        return self._update(token, self.attention.gather(token, together, bias, self.attention_scale))

    def _update(self, vectors: Tensor, attended: Tensor) -> Tensor:
        vectors = vectors + self.dropout(self.attention_out_norm(attended))
        updated: Tensor = vectors * self.residual_scale + self.dropout(self.feed_forward(vectors))
        return updated


class ParticleTransformer(nn.Module):
    """Attention among particles, biased by the physics of each pair; a class token gathers the set.

    Parameters
    ----------
    config : ParticleTransformerConfig
    spec : InputSpec
        The raw fields given to it.
    """

    def __init__(self, config: ParticleTransformerConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config = config
        self.dim = config.dim
        self.features = Features(spec, config.features)
        width = self.features.n_features
        layers: list[nn.Module] = [nn.BatchNorm1d(width)]
        for wider in (*config.embed, config.dim):
            layers += [nn.LayerNorm(width), nn.Linear(width, wider), nn.GELU()]
            width = wider
        self.embed = nn.Sequential(*layers)
        self.pair_bias = PairBias(config.pair_hidden, config.heads, activated=True)
        self.blocks = nn.ModuleList(_Block(config.dim, config.heads, config.dropout) for _ in range(config.layers))
        class_blocks = [_Block(config.dim, config.heads, dropout=0.0) for _ in range(config.class_layers)]
        self.class_blocks = nn.ModuleList(class_blocks)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, config.dim))
        self.norm = nn.LayerNorm(config.dim)
        self.apply(_initialise)

    def forward(self, inputs: Inputs) -> BackboneOutput:
        """Embed a batch of sets."""
        features = self.features(inputs)
        mask = inputs.mask
        n_sets, n_tokens = mask.shape
        vectors = self._embed(features.tokens, mask)
        padding = torch.zeros_like(mask, dtype=vectors.dtype).masked_fill(~mask, -math.inf)[:, None, None, :]
        class_padding = nn.functional.pad(padding.squeeze(1), (1, 0))
        # Padding may look at itself: a row with nothing to look at would give NaN.
        position = torch.arange(n_tokens, device=mask.device)
        own = position.unsqueeze(1) == position
        bias = self.pair_bias(features.momenta, mask) + padding.expand(-1, -1, n_tokens, -1).masked_fill(own, 0.0)
        rows = vectors.view(-1, self.dim)
        for block in self.blocks:
            rows = block(rows, (n_sets, n_tokens), bias)
        vectors = rows.view(n_sets, n_tokens, self.dim)
        token = self.class_token.expand(n_sets, -1, -1)
        for block in self.class_blocks:
            token = cast("_Block", block).attend(token, vectors, class_padding)
        embedding = self.norm(token.squeeze(1)) + not_finite(inputs)
        return BackboneOutput(embedding, self.norm(vectors).masked_fill(~mask.unsqueeze(-1), 0.0))

    def _embed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if not self.training:
            embedded: Tensor = self.embed(tokens.flatten(0, 1))
            return embedded.view(*mask.shape, self.dim)
        # Batch norm learns from real tokens only.
        rows: Tensor = self.embed(tokens[mask])
        vectors = rows.new_zeros((*mask.shape, self.dim))
        vectors[mask] = rows
        return vectors


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
