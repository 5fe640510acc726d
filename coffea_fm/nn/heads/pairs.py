"""A logit for each pair of tokens, from their vectors: whether they come from the same vertex."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig
from coffea_fm.tokens import Level


class PairHeadConfig(HeadConfig):
    """Architecture of a head that classifies each pair of tokens.

    Parameters
    ----------
    truth : tuple of str
        Token fields in the shards; two tokens belong together if all of these are equal.
    width : int
        Dimension of the space in which tokens are compared.
    """

    kind: Literal["pairs"] = "pairs"
    truth: Annotated[tuple[str, ...], Field(min_length=1)]
    width: PositiveInt = 32

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Token fields that only the loss needs."""
        return self.truth

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> PairHead:  # noqa: ARG002
        """Build the head."""
        return PairHead(self, level, dim)


class PairHead(Head):
    """Symmetric pair logits: a bilinear form of the two token vectors plus a bias from each.

    Parameters
    ----------
    config : PairHeadConfig
    level : Level
        The level that the tokens belong to.
    dim : int
        Width of the token vectors.
    """

    output: ClassVar = "pair_scores"
    pairs: ClassVar = True
    reads = ("token_vectors",)

    def __init__(self, config: PairHeadConfig, level: Level, dim: int) -> None:
        super().__init__()
        self.level = level.members[0].name
        self.n_truth = len(config.truth)
        self.project = nn.Linear(dim, config.width)
        self.metric = nn.Linear(config.width, config.width, bias=False)
        self.bias = nn.Linear(dim, 1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Compute logits, [things, tokens, tokens]."""
        projected = self.project(vectors)
        product = self.metric(projected) @ projected.transpose(1, 2)
        bias = self.bias(vectors)
        both = product + product.transpose(1, 2)
        logits: Tensor = both / math.sqrt(self.project.out_features) + bias + bias.transpose(1, 2)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Convert logits to probabilities."""
        return result.sigmoid()
