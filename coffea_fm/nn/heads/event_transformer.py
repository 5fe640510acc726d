"""A set transformer over the jets of an event."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.attention import AttentionConfig, padding_bias
from coffea_fm.nn.blocks.pair_bias import PairBias
from coffea_fm.nn.blocks.transformer import Block
from coffea_fm.nn.heads.event import EventHead, EventHeadConfig, JetHeadConfig
from coffea_fm.nn.heads.head import Classes
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level


class EventTransformerConfig(AttentionConfig, EventHeadConfig):
    """Architecture of a set transformer over jets.

    Parameters
    ----------
    dim : int
        Width of the vectors, a multiple of `heads`.
    layers, heads : int
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    pair_bias : bool
        Add a bias computed from pairwise features of the jets, including the dijet mass, to the attention.
    """

    kind: Literal["event-transformer"] = "event-transformer"
    dim: Width = 64
    layers: Count = 2
    heads: Count = 4
    feed_forward: Count = 2
    pair_bias: bool = False

    def build(
        self, level: Level, dim: int, classes: Classes = (), jet_head: JetHeadConfig | None = None
    ) -> EventTransformer:
        """Build the head."""
        return EventTransformer(self, level, dim, classes, jet_head)


class EventTransformer(EventHead):
    """Self-attention among the jets of an event and a learned token, which is classified.

    Parameters
    ----------
    config : EventTransformerConfig
    level : Level
        Events, with jets as members.
    dim : int
        Width of the embedding.
    classes : tuple of str
        Classes of events.
    jet_head : JetHeadConfig, optional
        Computes the jet scores, if the head reads them.
    """

    def __init__(
        self,
        config: EventTransformerConfig,
        level: Level,
        dim: int,
        classes: Classes,
        jet_head: JetHeadConfig | None = None,
    ) -> None:
        super().__init__(config, level, dim, classes, jet_head)
        self.embed = nn.Sequential(nn.Linear(self.n_inputs, config.dim), nn.GELU(), nn.Linear(config.dim, config.dim))
        self.event_token = nn.Parameter(0.02 * torch.randn(1, 1, config.dim))
        self.pair_bias = PairBias((32, 32), config.heads) if config.pair_bias else None
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.layers, config.feed_forward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.classify = nn.Linear(config.dim, len(classes))

    def logits(self, inputs: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        """Compute logits, [events, classes]."""
        tokens = self.embed(inputs)
        vectors = torch.cat((self.event_token.to(tokens.dtype).expand(tokens.shape[0], -1, -1), tokens), dim=1)
        real = nn.functional.pad(mask, (1, 0), value=True)
        bias = padding_bias(real, vectors.dtype)
        if self.pair_bias is not None:
            momenta = self.features.momenta(jets.masked_fill(~mask.unsqueeze(-1), 0.0))
            bias = bias + nn.functional.pad(self.pair_bias(momenta, mask), (1, 0, 1, 0))
        n_events, n_tokens, dim = vectors.shape
        rows = vectors.reshape(-1, dim)
        for block in self.blocks:
            rows = block(rows, (n_events, n_tokens), bias)
        logits: Tensor = self.classify(self.norm(rows).view(n_events, n_tokens, dim)[:, 0])
        return logits
