"""A plain pre-norm transformer on sets or sequences, with learned register tokens."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.attention import AttentionConfig, causal_bias, padding_bias
from coffea_fm.nn.blocks.pair_bias import PairBias
from coffea_fm.nn.blocks.positions import LearnedPositions, Positions, Rotation, sinusoidal
from coffea_fm.nn.blocks.readout import Embedding, Encoded, build_readout, summaries
from coffea_fm.nn.blocks.transformer import Block
from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"dim": 32, "layers": 2, "heads": 2},
    "small": {"dim": 64, "layers": 4, "heads": 4},
    "base": {"dim": 128, "layers": 6, "heads": 8},
    "large": {"dim": 256, "layers": 8, "heads": 8},
}


class SetTransformerConfig(AttentionConfig, BackboneConfig):
    """Architecture of a set transformer.

    Parameters
    ----------
    size : {"tiny", "small", "base", "large"}
        Preset for `dim`, `layers` and `heads`; explicit values override it.
    dim : int
        Width of token vectors and embedding, a multiple of `heads`.
    layers, heads : int
    registers : int
        Number of learned tokens that take part in the attention, at least one.
    embedding : {"register", "mean", "attention", "layers"}
        Pooling: the first register token; the mean over all real and register tokens; this mean plus what a learned query
        attends to; or a learned mixture of the means and registers of all blocks. A loss on the tokens, as in masked
        modelling, trains the mean more directly, and leaves much of what tells jets apart in middle blocks.
    pair_bias : bool
        Add a bias computed from pairwise features to the attention.
    features : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        Set of network inputs computed from the raw fields.
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    dropout : float
        Dropout probability of the residual updates.
    causal : bool
        Let each token of the first group attend only to itself, the tokens before it and the registers. The registers
        then carry the features of the jet and attend only to one another, so that no token learns about a later one.
        Pool with an `embedding` that reads the tokens.
    positions : {"none", "sinusoidal", "learned", "rotary"}
        How a token of the first group tells its index in the jet (by pT, unless a recipe says otherwise): not at all, by
        a fixed or learned vector added to it, or by rotations of queries and keys.
    """

    kind: Literal["set-transformer"] = "set-transformer"
    size: Literal["tiny", "small", "base", "large"] = "small"
    dim: Width = 64
    layers: Count = 4
    heads: Count = 4
    registers: Count = 4
    embedding: Embedding = "register"
    pair_bias: bool = False
    features: FeatureKind = "full"
    feed_forward: Count = 2
    dropout: float = 0.0
    causal: bool = False
    positions: Positions = "none"

    @model_validator(mode="before")
    @classmethod
    def _fill_size(cls, given: dict[str, Any]) -> dict[str, Any]:
        return _SIZES.get(str(given.get("size", "small")), {}) | given

    @model_validator(mode="after")
    def _switches_agree(self) -> SetTransformerConfig:
        if self.causal and self.embedding == "register":
            raise ValueError(
                "embedding: the registers of a causal encoder see no particle; choose mean, attention or layers"
            )
        if self.positions == "rotary" and self.dim // self.heads % 2:
            raise ValueError(f"positions: rotary ones need an even dim / heads, and it is {self.dim // self.heads}")
        if self.positions == "sinusoidal" and self.dim % 2:
            raise ValueError(f"positions: sinusoidal ones need an even dim, and it is {self.dim}")
        return self

    def build(self, level: Level) -> SetTransformer:
        """Build the network."""
        return SetTransformer(self, level)


class SetTransformer(Backbone):
    """Self-attention among the tokens of a jet and a few register tokens.

    The register tokens are always present, so a jet without tokens has a well-defined embedding. Each group of tokens
    has its own embedding layers. The embedded groups are concatenated.

    Parameters
    ----------
    config : SetTransformerConfig
    level : Level
        The raw input fields.
    """

    config: SetTransformerConfig

    def __init__(self, config: SetTransformerConfig, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim, self.reveals_replaced = config, level, config.dim, config.pair_bias
        self.ordered = config.causal or config.positions != "none"
        self.features = Features(level, config.features)
        (_, n_first), *others = self.features.n_features.items()
        self.embed = _embedding(n_first, config.dim)
        self.embed_jet = nn.Linear(self.features.n_jet_features, config.dim)
        self.registers = nn.Parameter(0.02 * torch.randn(config.registers, config.dim))
        self.pair_bias = PairBias((32, 32), config.heads) if config.pair_bias else None
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.layers, config.feed_forward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.embed_others = nn.ModuleDict({name: _embedding(n_features, config.dim) for name, n_features in others})
        if config.causal and others:
            names = ", ".join(self.features.n_features)
            raise RecipeError(
                f"backbone.causal: tokens have no common order among {names}; name one group, or set false"
            )
        if config.positions == "learned":
            maximum = level.members[0].maximum
            if maximum is None:
                raise RecipeError(
                    "backbone.positions: learned ones have a vector for each position; set inputs.max_tokens"
                )
            self.places = LearnedPositions(maximum, config.dim)
        self.readout = build_readout(config.embedding, config.dim, config.heads, config.layers, config.registers)

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets.

        Parameters
        ----------
        inputs : Inputs
        replace : Replacement, optional
            Tokens to hide. Their pairwise features and positions are not hidden.
        """
        encoded = self.encode(inputs, replace, blocks=self.config.embedding == "layers")
        n_first = inputs.members[self.level.members[0].name].mask.shape[1]
        first = encoded.tokens[:, :n_first] if len(self.level.members) > 1 else encoded.tokens
        return BackboneOutput(self.readout(encoded) + not_finite(inputs), first)

    def summaries(self, inputs: Inputs) -> Tensor:
        """Means and registers of all blocks, [things, layers, 1 + registers, dim], to see where the information is."""
        return summaries(self.encode(inputs, blocks=True))

    def encode(
        self,
        inputs: Inputs,
        replace: Replacement | None = None,
        *,
        causal: bool | None = None,
        blocks: bool = False,
    ) -> Encoded:
        """Compute the vectors of registers and tokens.

        Parameters
        ----------
        inputs : Inputs
            Positions are ``place`` of the members of the first group, where it is given.
        replace : Replacement, optional
            Tokens to hide.
        causal : bool, optional
            Instead of the choice in the configuration. The parameters are the same, so a method can use both.
        blocks : bool
            Also return the output of each block.
        """
        features = self.features(inputs)
        first, *others = features.tokens
        tokens = self.embed(features.tokens[first])
        n_first = tokens.shape[1]
        if replace is not None:
            tokens = torch.where(replace.where.unsqueeze(-1), replace.vector.to(tokens.dtype), tokens)
        tokens, rotation = self._placed(tokens, features.mask.shape[1], inputs.members[first].place)
        more = [self.embed_others[name](features.tokens[name]) for name in others]
        registers = self.registers + self.embed_jet(features.jet).unsqueeze(1)
        vectors = torch.cat((registers, tokens, *more), dim=1)
        real = nn.functional.pad(features.mask, (self.config.registers, 0), value=True)
        bias = padding_bias(real, vectors.dtype)
        if self.pair_bias is not None:
            pairs = self.pair_bias(features.momenta, features.mask)
            bias = bias + nn.functional.pad(pairs, (self.config.registers, 0, self.config.registers, 0))
        if self.config.causal if causal is None else causal:
            bias = bias + causal_bias(self.config.registers, n_first, bias)
        n_sets, n_tokens = real.shape
        rows = vectors.view(-1, self.dim)
        outputs: list[Tensor] = []
        for block in self.blocks:
            rows = block(rows, (n_sets, n_tokens), bias, rotation)
            if blocks:
                outputs.append(rows.view(n_sets, n_tokens, self.dim))
        vectors = self.norm(rows).view(n_sets, n_tokens, self.dim)
        token_vectors = vectors[:, self.config.registers :].masked_fill(~features.mask.unsqueeze(-1), 0.0)
        return Encoded(vectors[:, : self.config.registers], token_vectors, features.mask, tuple(outputs))

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The input embedding, each block, and the final norm with what pools."""
        blocks = ((f"blocks.{index}",) for index in range(self.config.layers))
        return self._by_depth((*blocks, ("norm", "readout")))

    def _placed(self, tokens: Tensor, n_all: int, place: Tensor | None) -> tuple[Tensor, Rotation | None]:
        """Tokens of the first group with their positions, and rotations of all vectors."""
        if self.config.positions == "none":
            return tokens, None
        if place is None:
            place = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        if self.config.positions == "rotary":
            # Registers and other groups are at 0.
            behind = n_all - tokens.shape[1]
            positions = nn.functional.pad(place + 1, (self.config.registers, behind))
            return tokens, Rotation.of(positions, self.dim // self.config.heads)
        added = self.places(place) if self.config.positions == "learned" else sinusoidal(place, self.dim)
        return tokens + added.to(tokens.dtype), None


def _embedding(n_features: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_features, dim), nn.GELU(), nn.Linear(dim, dim))
