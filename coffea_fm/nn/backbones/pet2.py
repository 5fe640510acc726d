"""The Point-Edge Transformer 2 of OmniLearned (arXiv:2510.24066), which reads its published weights."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.attention import AttentionConfig
from coffea_fm.nn.blocks.dynamic_tanh import DynamicTanh
from coffea_fm.nn.blocks.pet2 import NEVER, ClassBlock, FeedForward, LocalBlock, PetBlock, pair_features
from coffea_fm.nn.features.omnilearned import CODES, TRACK, OmniFeatures, OmniLearnedFeatures
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

    @model_validator(mode="before")
    @classmethod
    def _fill_size(cls, given: dict[str, Any]) -> dict[str, Any]:
        return SIZES.get(str(given.get("size", "small")), {}) | given

    def build(self, level: Level) -> PET2:
        """Build the network."""
        return PET2(self, level)


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
    reads_pairs = True

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
        found = self.features(inputs)
        tokens, real = self._tokens(found.kinematics, found.identity, found.track, found.mask), found.mask
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
        bias = torch.zeros_like(mask, dtype=vectors.dtype).masked_fill(~mask, NEVER)[:, None, None, :]
        pairs = bias
        if self.pair_bias is not None:
            features = pair_features(found.kinematics.unsqueeze(2), found.kinematics.unsqueeze(1))
            both = (real.unsqueeze(1) & real.unsqueeze(2)).unsqueeze(-1)
            of_heads = (self.pair_bias(features) * both).permute(0, 3, 1, 2)
            pairs = bias + nn.functional.pad(of_heads, (before, 0, before, 0))
        for block in self.blocks:
            vectors = block(vectors, mask.unsqueeze(-1), pairs)
        vectors = self.norm(vectors) * mask.unsqueeze(-1)
        heads, rest = vectors[:, :first], vectors[:, first:]
        for block in self.class_blocks:
            heads = block(heads, rest, bias[..., first:])
        embedding = self.last(heads.flatten(1)) + not_finite(inputs)
        return BackboneOutput(embedding, vectors[:, before:].repeat(1, 1, first))

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """All that embeds the inputs, with the local block; each layer; and the class layers."""
        blocks = ((f"blocks.{index}",) for index in range(self.config.layers))
        return self._by_depth((*blocks, ("norm", "class_blocks", "last")))

    def _tokens(self, kinematics: Tensor, identity: Tensor, track: Tensor, mask: Tensor) -> Tensor:
        """Vectors of the particles before the first layer; 0 for padding."""
        tokens: Tensor = self.embed(self.embed_norm(kinematics)) + self.local(kinematics, mask)
        if self.embed_identity is not None:
            tokens = tokens + self.embed_identity(identity)
        if self.embed_track is not None:
            tokens = tokens + self.embed_track(track)
        return tokens * mask.unsqueeze(-1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
