"""The Point-Edge Transformer 2 of OmniLearned (arXiv:2510.24066), which reads its published weights."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.attention import AttentionConfig
from coffea_fm.nn.blocks.dropout import GroupDropout
from coffea_fm.nn.blocks.dynamic_tanh import DynamicTanh
from coffea_fm.nn.blocks.pet2 import (
    ClassBlock,
    FeedForward,
    LocalBlock,
    PetBlock,
    TimeEmbedding,
    attention_bias,
    pair_features,
)
from coffea_fm.nn.features.omnilearned import CODES, TRACK, OmniFeatures, OmniLearnedFeatures, OmniLearnedOutput
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

SIZES: dict[str, dict[str, int]] = {
    "small": {"dim": 128, "layers": 8, "heads": 8, "class_layers": 2},
    "medium": {"dim": 512, "layers": 12, "heads": 16, "class_layers": 2},
    "large": {"dim": 1024, "layers": 28, "heads": 32, "class_layers": 4},
}
_KINEMATICS = 4


class PET2Config(AttentionConfig, BackboneConfig):
    """Size of a Point-Edge Transformer 2; the presets are those of OmniLearned.

    Parameters
    ----------
    size : {"small", "medium", "large"}
        Preset for `dim`, `layers`, `heads` and `class_layers`; explicit values override it.
    dim : int
        Width of the vectors, a multiple of `heads`. The embedding is all class tokens side by side.
    layers, heads : int
    class_tokens, class_layers : int
        Number of class tokens, and of layers in which only these are updated. The local block has as many layers.
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    neighbours : int
        Number of neighbours in the local block.
    pair_bias, local_pairs : bool
        Use ln m², ln ΔR and ln kT of all pairs in the attention, and of neighbours in the local block.
    features : {"kinematic", "identified", "jetclass"}
        Momenta only, with the particle type, or with impact parameters as well.
    time : bool
        Have the layers for the time of a flow. At time 0, where classes are predicted, they have no effect.
    feature_drop : float
        Probability, in training, that the particle types of a jet are left out, and its impact parameters likewise.
    """

    kind: Literal["pet2"] = "pet2"
    size: Literal["small", "medium", "large"] = "small"
    dim: Width = 128
    layers: Count = 8
    heads: Count = 8
    class_tokens: Count = 4
    class_layers: Count = 2
    feed_forward: Count = 2
    neighbours: Count = 10
    pair_bias: bool = True
    local_pairs: bool = True
    features: OmniFeatures = "jetclass"
    time: bool = False
    feature_drop: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _fill_size(cls, given: dict[str, Any]) -> dict[str, Any]:
        return SIZES.get(str(given.get("size", "small")), {}) | given

    def build(self, level: Level) -> PET2:
        """Build the network."""
        return PET2(self, level)


class Body(NamedTuple):
    """Output of OmniLearned's *body*.

    Attributes
    ----------
    vectors : Tensor [jets, class tokens + time + particles, dim]
        Class tokens, one vector for the time unless there is none, and particles; 0 for padding.
    mask : Tensor, bool [jets, class tokens + time + particles]
        True for class tokens, times other than 0, and particles.
    n_before : int
        Number of vectors before the particles.
    """

    vectors: Tensor
    mask: Tensor
    n_before: int


class PET2(Backbone):
    """Local attention among neighbours, then attention of all particles and class tokens, then of class tokens only.

    The last two make OmniLearned's *body* and its *classifier* up to the last linear layer. A token vector is repeated
    for each class token, so that it is as wide as the embedding.

    Parameters
    ----------
    config : PET2Config
    level : Level
        The raw fields of the jets, with one group of tokens.
    """

    config: PET2Config
    reveals_replaced = True

    def __init__(self, config: PET2Config, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim = config, level, config.class_tokens * config.dim
        dim, heads, hidden = config.dim, config.heads, config.feed_forward * config.dim
        self.features = OmniLearnedFeatures(level, config.features)
        self.embed_norm = DynamicTanh(_KINEMATICS)
        self.embed = FeedForward(_KINEMATICS, hidden, dim)
        self.local = LocalBlock(
            _KINEMATICS,
            dim,
            heads,
            config.feed_forward,
            config.class_layers,
            config.neighbours,
            pairs=config.local_pairs,
        )
        self.pair_bias = FeedForward(3, 2 * dim, heads, norm=False) if config.pair_bias else None
        self.embed_identity = nn.Embedding(len(CODES), dim) if config.features != "kinematic" else None
        self.embed_track = FeedForward(len(TRACK), hidden, dim, bias=False) if config.features == "jetclass" else None
        self.embed_time = TimeEmbedding(dim, hidden) if config.time else None
        self.drop = GroupDropout(config.feature_drop)
        self.class_tokens = nn.Parameter(0.02 * torch.randn(1, config.class_tokens, dim))
        self.blocks = nn.ModuleList(PetBlock(dim, heads, config.feed_forward) for _ in range(config.layers))
        self.norm = DynamicTanh(dim)
        class_blocks = (ClassBlock(dim, heads, config.feed_forward) for _ in range(config.class_layers))
        self.class_blocks = nn.ModuleList(class_blocks)
        self.last = FeedForward(self.dim, config.feed_forward * self.dim, self.dim)
        self.apply(_initialise)

    def forward(self, inputs: Inputs, replace: Replacement | None = None, time: Tensor | None = None) -> BackboneOutput:
        """Embed a batch of jets.

        Parameters
        ----------
        inputs : Inputs
        replace : Replacement, optional
            Tokens to hide. Their neighbours and pairs see them.
        time : Tensor [jets], optional
            Time of a flow, for a network that has `time`; 0 by default.
        """
        body = self.body(self.features(inputs), time, replace)
        token_vectors = body.vectors[:, body.n_before :].repeat(1, 1, self.config.class_tokens)
        return BackboneOutput(self.embedding(body) + not_finite(inputs), token_vectors)

    def body(self, found: OmniLearnedOutput, time: Tensor | None = None, replace: Replacement | None = None) -> Body:
        """Local attention and the layers of all particles, for features whose momenta may be those of a flow."""
        tokens, real = self._tokens(found), found.mask
        if replace is not None:
            stand_in = torch.stack(replace.vector.chunk(self.config.class_tokens, dim=-1)).mean(dim=0).to(tokens.dtype)
            tokens = torch.where(replace.where.unsqueeze(-1), stand_in, tokens)
        sets, first = real.shape[0], self.config.class_tokens
        parts, reals = [self.class_tokens.expand(sets, -1, -1)], [real.new_ones(sets, first)]
        if time is not None and self.embed_time is not None:
            parts.append(self.embed_time(time).unsqueeze(1))
            reals.append(time.unsqueeze(1) != 0)
        vectors, mask = torch.cat((*parts, tokens), dim=1), torch.cat((*reals, real), dim=1)
        before = vectors.shape[1] - tokens.shape[1]
        bias = attention_bias(mask, vectors.dtype)
        if self.pair_bias is not None:
            features = pair_features(found.kinematics.unsqueeze(2), found.kinematics.unsqueeze(1))
            both = (real.unsqueeze(1) & real.unsqueeze(2)).unsqueeze(-1)
            of_heads = (self.pair_bias(features) * both).permute(0, 3, 1, 2)
            bias = bias + nn.functional.pad(of_heads, (before, 0, before, 0))
        for block in self.blocks:
            vectors = block(vectors, mask.unsqueeze(-1), bias)
        return Body(self.norm(vectors) * mask.unsqueeze(-1), mask, before)

    def embedding(self, body: Body) -> Tensor:
        """What the class tokens gather, [jets, class tokens times dim]."""
        first = self.config.class_tokens
        heads, rest = body.vectors[:, :first], body.vectors[:, first:]
        bias = attention_bias(body.mask[:, first:], rest.dtype)
        for block in self.class_blocks:
            heads = block(heads, rest, bias)
        embedding: Tensor = self.last(heads.flatten(1))
        return embedding

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """All that embeds the inputs, with the local block; each layer; and the class layers."""
        blocks = ((f"blocks.{index}",) for index in range(self.config.layers))
        return self._by_depth((*blocks, ("norm", "class_blocks", "last")))

    def _tokens(self, found: OmniLearnedOutput) -> Tensor:
        """Vectors of the particles before the first layer; 0 for padding."""
        kinematics = found.kinematics
        tokens: Tensor = self.embed(self.embed_norm(kinematics)) + self.local(kinematics, found.mask)
        if self.embed_identity is not None:
            tokens = tokens + self.drop(self.embed_identity(found.identity))
        if self.embed_track is not None:
            tokens = tokens + self.drop(self.embed_track(found.track))
        return tokens * found.mask.unsqueeze(-1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
