"""The Particle Transformer exactly as published (arXiv:2202.03772), but computed on real tokens and pairs only.

Versions 2 and 3 are those of weaver-core 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.attention import AttentionConfig, padding_bias
from coffea_fm.nn.blocks.pair_bias import PairBias
from coffea_fm.nn.blocks.part_layer import ParTLayer, Version, norm_of
from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.features.level import Features, joined
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level


class ParticleTransformerConfig(AttentionConfig, BackboneConfig):
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
    features : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        Set of network inputs computed from the raw fields.
    version : {1, 2, 3}
        1 as published; 2 with SwiGLU instead of the NormFormer scalings; 3 also with RMSNorm and without biases.
    dropout : float
        Dropout probability of units and attention weights in the particle layers; by default .1, and 0 in version 3.
    drop_path : float
        Probability of skipping an update of a jet in training; by default 0, and .1 in version 3.
    pair_activation : bool
        Whether the network of the pair features ends with a GELU, as published.
    """

    kind: Literal["particle-transformer"] = "particle-transformer"
    dim: Width = 128
    embed: tuple[Width, ...] = (128, 512)
    pair_hidden: tuple[Width, ...] = (64, 64, 64)
    layers: Count = 8
    class_layers: Count = 2
    heads: Count = 8
    features: FeatureKind = "jetclass"
    version: Version = 1
    dropout: float = 0.1
    drop_path: float = 0.0
    pair_activation: bool = True

    @model_validator(mode="before")
    @classmethod
    def _fill_version(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {"dropout": 0.0, "drop_path": 0.1} | given if given.get("version") == 3 else given

    def build(self, level: Level) -> ParticleTransformer:
        """Build the network."""
        return ParticleTransformer(self, level)


class ParticleTransformer(Backbone):
    """Attention among particles, biased by pairwise features; a class token pools the particles.

    Each group of tokens has its own embedding layers. The embedded groups are concatenated.

    Parameters
    ----------
    config : ParticleTransformerConfig
    level : Level
        The raw input fields.
    """

    config: ParticleTransformerConfig
    reveals_replaced = True

    def __init__(self, config: ParticleTransformerConfig, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim = config, level, config.dim
        self.features = Features(level, config.features)
        (_, n_first), *others = self.features.n_features.items()
        widths = (*config.embed, config.dim)
        self.embed = nn.Sequential(nn.BatchNorm1d(n_first), *_embedding(n_first, widths))
        self.pair_bias = PairBias(config.pair_hidden, config.heads, activated=config.pair_activation)
        shape = config.dim, config.heads, config.version
        layers = [ParTLayer(*shape, config.dropout, config.drop_path) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(layers)
        class_layers = [ParTLayer(*shape, 0.0, config.drop_path) for _ in range(config.class_layers)]
        self.class_blocks = nn.ModuleList(class_layers)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, config.dim))
        self.norm = norm_of(config.version, config.dim)
        # No batch norm here: a batch may contain a single vertex.
        embeddings = {name: nn.Sequential(*_embedding(n_features, widths)) for name, n_features in others}
        self.embed_others = nn.ModuleDict(embeddings)
        self.apply(_initialise)

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets. The features of pairs with replaced tokens are not hidden."""
        features = self.features(inputs)
        mask = features.mask
        n_sets, n_tokens = mask.shape
        first, *others = features.tokens
        tokens = self._embed(features.tokens[first], inputs.members[first].mask)
        n_first = tokens.shape[1]
        if replace is not None:
            tokens = torch.where(replace.where.unsqueeze(-1), replace.vector.to(tokens.dtype), tokens)
        vectors = joined([tokens, *(self.embed_others[name](features.tokens[name]) for name in others)])
        padding = padding_bias(mask, vectors.dtype)
        class_padding = nn.functional.pad(padding[:, 0], (1, 0))
        # Padding attends to itself: the softmax of a fully masked row is NaN.
        position = torch.arange(n_tokens, device=mask.device)
        own = position.unsqueeze(1) == position
        bias = self.pair_bias(features.momenta, mask) + padding.expand(-1, -1, n_tokens, -1).masked_fill(own, 0.0)
        rows = vectors.view(-1, self.dim)
        for block in self.blocks:
            rows = block(rows, (n_sets, n_tokens), bias)
        vectors = rows.view(n_sets, n_tokens, self.dim)
        token = self.class_token.expand(n_sets, -1, -1)
        for block in self.class_blocks:
            token = cast("ParTLayer", block).attend(token, vectors, class_padding)
        embedding = self.norm(token[:, 0]) + not_finite(inputs)
        token_vectors = self.norm(vectors).masked_fill(~mask.unsqueeze(-1), 0.0)
        return BackboneOutput(embedding, token_vectors[:, :n_first] if others else token_vectors)

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The input embedding, each particle layer, and the class layers with the final norm."""
        blocks = ((f"blocks.{index}",) for index in range(self.config.layers))
        return self._by_depth((*blocks, ("class_blocks", "class_token", "norm")))

    def _embed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if not self.training:
            embedded: Tensor = self.embed(tokens.flatten(0, 1))
            return embedded.view(*mask.shape, self.dim)
        # Padding must not enter the batch statistics.
        rows: Tensor = self.embed(tokens[mask])
        vectors = rows.new_zeros((*mask.shape, self.dim))
        vectors[mask] = rows
        return vectors


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _embedding(width: int, widths: tuple[int, ...]) -> Iterator[nn.Module]:
    for wider in widths:
        yield from (nn.LayerNorm(width), nn.Linear(width, wider), nn.GELU())
        width = wider
