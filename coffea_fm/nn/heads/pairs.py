"""Token vectors to a logit of each pair of tokens: whether they come from one vertex."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig
from coffea_fm.tokens import Level


class PairHeadConfig(HeadConfig):
    """Shape of a head that judges each pair of tokens.

    Parameters
    ----------
    truth : tuple of str
        Fields of the tokens in the shards; two tokens belong together if all of them are equal.
    width : int
        Of the space in which the two are compared.
    """

    kind: Literal["pairs"] = "pairs"
    truth: Annotated[tuple[str, ...], Field(min_length=1)]
    width: PositiveInt = 32

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Fields of the tokens that only the loss reads."""
        return self.truth

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> PairHead:  # noqa: ARG002
        """The head."""
        return PairHead(self, level, dim)


class PairHead(Head):
    """A logit of each pair, the same for (i, j) and (j, i): a bilinear form of the two, and a bias of each.

    Parameters
    ----------
    config : PairHeadConfig
    level : Level
        What the tokens belong to.
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
        """Logits, [things, tokens, tokens]."""
        projected = self.project(vectors)
        product = self.metric(projected) @ projected.transpose(1, 2)
        bias = self.bias(vectors)
        both = product + product.transpose(1, 2)
        logits: Tensor = both / math.sqrt(self.project.out_features) + bias + bias.transpose(1, 2)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Probabilities."""
        return result.sigmoid()
