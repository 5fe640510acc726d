"""Token vectors to class logits of each token, e.g. the origin of a track."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from coffea_fm.nn.heads.head import Classes, Head, HeadConfig, layers
from coffea_fm.tokens import Level


class TokenHeadConfig(HeadConfig):
    """Shape of a head that classifies each token.

    Parameters
    ----------
    truth : str
        Field of the tokens in the shards that counts `classes`; negative for a token that is not asked about.
    classes : tuple of str
        Names of the classes.
    hidden : tuple of int
        Widths of hidden layers; none for a linear head.
    dropout : float
        Probability of dropping a unit of a vector, in training.
    """

    kind: Literal["tokens"] = "tokens"
    truth: str
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Fields of the tokens that only the loss reads."""
        return (self.truth,)

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: object = None) -> TokenHead:  # noqa: ARG002
        """The head."""
        return TokenHead(self, level, dim)


class TokenHead(Head):
    """Logits of each token of the first group.

    Parameters
    ----------
    config : TokenHeadConfig
    level : Level
        What the tokens belong to.
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
        """Logits, [things, tokens, classes]."""
        logits: Tensor = self.layers(vectors)
        return logits

    def answer(self, result: Tensor) -> Tensor:
        """Probabilities that add up to 1 for each token."""
        return result.softmax(dim=-1)
