"""A plain pre-norm transformer on sets, with learned tokens beside the real ones."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator
from torch import Tensor, nn

from coffea_fm.nn.attention import Attention
from coffea_fm.nn.dropout import Dropout
from coffea_fm.nn.features import FeatureKind, Features
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.pair_bias import PairBias
from coffea_fm.tokens.spec import InputSpec

_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"dim": 32, "layers": 2, "heads": 2},
    "small": {"dim": 64, "layers": 4, "heads": 4},
    "base": {"dim": 128, "layers": 6, "heads": 8},
    "large": {"dim": 256, "layers": 8, "heads": 8},
}


class SetTransformerConfig(BaseModel):
    """Size and parts of a set transformer.

    Parameters
    ----------
    size : {"tiny", "small", "base", "large"}
        Sets `dim`, `layers` and `heads` where they are not given.
    dim : int
        Width of token vectors and embedding, a multiple of `heads`.
    layers, heads : int
    registers : int
        Learned tokens that take part in the attention, at least one.
    embedding : {"register", "mean"}
        What becomes the embedding: the first learned token, or the mean over all real and learned ones. A loss on the
        tokens, as of masked modelling, trains the mean more directly.
    pair_bias : bool
        Add the physics of each pair to the attention.
    features : {"full", "jetclass", "kinematic"}
        Network inputs made of the raw fields.
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    dropout : float
        Probability of dropping a unit of each layer's update, in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["set-transformer"] = "set-transformer"
    size: Literal["tiny", "small", "base", "large"] = "small"
    dim: PositiveInt = 64
    layers: PositiveInt = 4
    heads: PositiveInt = 4
    registers: PositiveInt = 4
    embedding: Literal["register", "mean"] = "register"
    pair_bias: bool = False
    features: FeatureKind = "full"
    feed_forward: PositiveInt = 2
    dropout: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _fill_size(cls, given: dict[str, Any]) -> dict[str, Any]:
        return _SIZES.get(given.get("size", "small"), {}) | given

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> SetTransformerConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}; choose one that is")
        return self


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to what it reads.

    Parameters
    ----------
    dim, heads : int
    layers : int
        Blocks in a row: the updates of each are small in proportion.
    feed_forward : int
        Hidden width of the feed-forward layer, in units of `dim`.
    dropout : float
    """

    def __init__(self, dim: int, heads: int, layers: int, feed_forward: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = dim * feed_forward
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        last = nn.Linear(hidden, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), last)
        self.dropout = Dropout(dropout)
        for update in (self.attention.project_out, last):
            nn.init.normal_(update.weight, std=0.5 / math.sqrt(update.in_features * 2 * layers))

    def forward(self, rows: Tensor, shape: tuple[int, int], bias: Tensor) -> Tensor:
        """Update the vectors of all sets, as one matrix; see `Attention`."""
        rows = rows + self.dropout(self.attention(self.attention_norm(rows), shape, bias))
        updated: Tensor = rows + self.dropout(self.feed_forward(rows))
        return updated


class SetTransformer(nn.Module):
    """Attention among the tokens of a set and a few learned ones.

    The learned tokens always take part, so that a set without tokens has a defined embedding too.

    Parameters
    ----------
    config : SetTransformerConfig
    spec : InputSpec
        The raw fields given to it.
    """

    def __init__(self, config: SetTransformerConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config = config
        self.dim = config.dim
        self.features = Features(spec, config.features)
        self.embed = nn.Sequential(
            nn.Linear(self.features.n_features, config.dim), nn.GELU(), nn.Linear(config.dim, config.dim)
        )
        self.embed_jet = nn.Linear(self.features.n_jet_features, config.dim)
        self.registers = nn.Parameter(0.02 * torch.randn(config.registers, config.dim))
        self.pair_bias = PairBias((32, 32), config.heads) if config.pair_bias else None
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.layers, config.feed_forward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, inputs: Inputs, hidden: Tensor | None = None, stand_in: Tensor | None = None) -> BackboneOutput:
        """Embed a batch of sets.

        Parameters
        ----------
        inputs : Inputs
        hidden : Tensor, bool [sets, tokens], optional
            Tokens whose own vectors are replaced, before the first layer, by `stand_in`. Features of their pairs are
            not: a backbone with a pair bias sees them.
        stand_in : Tensor [dim], optional
        """
        features = self.features(inputs)
        registers = self.registers + self.embed_jet(features.jet).unsqueeze(1)
        tokens = self.embed(features.tokens)
        if hidden is not None and stand_in is not None:
            tokens = torch.where(hidden.unsqueeze(-1), stand_in.to(tokens.dtype), tokens)
        vectors = torch.cat((registers, tokens), dim=1)
        real = nn.functional.pad(inputs.mask, (self.config.registers, 0), value=True)
        bias = torch.zeros_like(real, dtype=vectors.dtype).masked_fill(~real, -math.inf)[:, None, None, :]
        if self.pair_bias is not None:
            pairs = self.pair_bias(features.momenta, inputs.mask)
            bias = bias + nn.functional.pad(pairs, (self.config.registers, 0, self.config.registers, 0))
        n_sets, n_tokens = real.shape
        rows = vectors.view(-1, self.dim)
        for block in self.blocks:
            rows = block(rows, (n_sets, n_tokens), bias)
        vectors = self.norm(rows).view(n_sets, n_tokens, self.dim)
        token_vectors = vectors[:, self.config.registers :].masked_fill(~inputs.mask.unsqueeze(-1), 0.0)
        if self.config.embedding == "mean":
            learned = vectors[:, : self.config.registers].sum(dim=1)
            embedding = (learned + token_vectors.sum(dim=1)) / real.sum(dim=1, keepdim=True)
        else:
            embedding = vectors[:, 0]
        return BackboneOutput(embedding + not_finite(inputs), token_vectors)
