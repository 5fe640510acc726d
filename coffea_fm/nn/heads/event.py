"""What every event head is: the jets of an event in, its class logits out."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from coffea_fm.nn.event_features import EventFeatures
from coffea_fm.nn.heads.head import Head, Level
from coffea_fm.tokens import Collection

Read = Literal["embedding", "scores"]
_LOWEST, _SCALE = -12.0, 0.25
"""Logarithms of scores are cut and scaled so."""


class EventHeadConfig(BaseModel):
    """What the shapes of all event heads have in common.

    Parameters
    ----------
    reads : tuple of {"embedding", "scores"}
        What is read of each jet besides its fields: the embedding, or the scores of the jet head of the checkpoint
        that the training starts from, or both.
    dropout : float
        Probability of dropping a unit, in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads: Annotated[tuple[Read, ...], Field(min_length=1)] = ("embedding",)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class EventHead(Head):
    """Logits of classes of events, whatever the order and the number of their jets.

    Parameters
    ----------
    reads : tuple of {"embedding", "scores"}
    collection : Collection
        The jets and their fields.
    dim : int
        Width of the embedding.
    jet_classes : int
        How many scores a jet has.

    Attributes
    ----------
    n_inputs : int
        Numbers that are read of each jet.
    """

    output: ClassVar = "scores"
    level: ClassVar[Level] = "event"

    def __init__(self, reads: tuple[Read, ...], collection: Collection, dim: int, jet_classes: int) -> None:
        super().__init__()
        self.collection = collection
        self.features = EventFeatures(collection)
        self.embedding_norm = nn.LayerNorm(dim) if "embedding" in reads else None
        self.n_inputs = self.features.n_features + dim * ("embedding" in reads) + jet_classes * ("scores" in reads)

    def forward(self, embedding: Tensor, jets: Tensor, mask: Tensor, log_scores: Tensor | None = None) -> Tensor:
        """Logits.

        Parameters
        ----------
        embedding : Tensor [events, jets, dim]
        jets : Tensor, float32 [events, jets, fields]
        mask : Tensor, bool [events, jets]
            True for real jets. What stands in the others never matters.
        log_scores : Tensor [events, jets, jet_classes], optional
            Logarithms of the scores of the jets, where they are read.

        Returns
        -------
        Tensor [events, classes]
            NaN for an event whose jets have a number that is not finite.
        """
        parts = [self.features(jets, mask)]
        if self.embedding_norm is not None:
            parts.append(self.embedding_norm(embedding))
        if log_scores is not None:
            parts.append(log_scores.clamp(min=_LOWEST) * _SCALE)
        inputs = torch.cat(parts, dim=-1).masked_fill(~mask.unsqueeze(-1), 0.0)
        return self.logits(inputs, jets, mask) + _not_finite(embedding, mask) + _not_finite(jets, mask)

    def logits(self, inputs: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        """Logits from what is read of the jets, [events, jets, n_inputs], 0 for padding."""
        raise NotImplementedError

    def answer(self, result: Tensor) -> Tensor:
        """Probabilities that add up to 1."""
        return result.softmax(dim=-1)


def _not_finite(values: Tensor, mask: Tensor) -> Tensor:
    return (values.masked_fill(~mask.unsqueeze(-1), 0.0) * 0.0).sum(dim=(1, 2)).unsqueeze(-1)
