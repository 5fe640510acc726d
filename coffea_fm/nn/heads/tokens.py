"""Classification of each token from its vector, e.g. the origin of a track."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig, layers
from coffea_fm.nn.sizes import Width
from coffea_fm.tokens import Level


class TokenHeadConfig(HeadConfig):
    """Architecture of a head that classifies each token.

    Parameters
    ----------
    truth : str
        Token field in the shards with the index of the class; tokens with a negative value are ignored.
    classes : tuple of str
        Names of the classes.
    hidden : tuple of int
        Widths of the hidden layers; empty for a linear head.
    dropout : float
        Dropout probability of the token vectors.
    """

    kind: Literal["tokens"] = "tokens"
    truth: str
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    hidden: tuple[Width, ...] = ()
    dropout: float = 0.0

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Token fields that only the loss needs."""
        return (self.truth,)

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> TokenHead:  # noqa: ARG002
        """Build the head."""
        return TokenHead(self, level, dim)


class TokenHead(Head):
    """Class logits of each token of the first group.

    Parameters
    ----------
    config : TokenHeadConfig
    level : Level
        The level that the tokens belong to.
    dim : int
        Width of the token vectors.
    """

    output: ClassVar = "token_scores"
    reads = ("token_vectors",)

    def __init__(self, config: TokenHeadConfig, level: Level, dim: int) -> None:
        super().__init__()
        self.level, self.columns = level.members[0].name, config.classes
        self.layers = layers(dim, config.hidden, len(config.classes), config.dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        """Compute logits, [things, tokens, classes]."""
        logits: Tensor = self.layers(vectors)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Convert logits to probabilities that add up to 1 for each token."""
        return result.softmax(dim=-1)
