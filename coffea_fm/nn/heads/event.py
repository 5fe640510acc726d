"""Base class of event heads: the jets of an event in, class logits out."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from coffea_fm.config import Config
from coffea_fm.errors import RecipeError
from coffea_fm.nn.features.jets import JetsOfEventFeatures
from coffea_fm.nn.heads.classification import ClassificationHead, ClassificationHeadConfig
from coffea_fm.nn.heads.head import Head, HeadConfig
from coffea_fm.nn.inputs import not_finite_members
from coffea_fm.tokens import Level

JET_FIELDS = ("pt", "eta", "phi", "mass", "msoftdrop")
"""Jet fields that are read by default, in addition to the output of the backbone."""
_LOWEST, _SCALE = -12.0, 0.25
"""Lower limit and scale of the logarithms of the scores, to keep these inputs of order one."""


class JetHeadConfig(Config):
    """The jet head whose scores an event head reads.

    Parameters
    ----------
    config : ClassificationHeadConfig
        Its architecture.
    classes : tuple of str
        Names of the scores.
    """

    config: ClassificationHeadConfig
    classes: tuple[str, ...]


class EventHeadConfig(HeadConfig):
    """Settings that all event heads share.

    Parameters
    ----------
    reads : tuple of {"embedding", "scores"}
        Inputs from each jet in addition to its fields: the embedding, or the scores of the jet head of the checkpoint
        that the training starts from, or both.
    fields : tuple of str
        Jet fields to read.
    dropout : float
        Dropout probability.
    """

    reads: Annotated[tuple[Literal["embedding", "scores"], ...], Field(min_length=1)] = ("embedding",)
    fields: tuple[str, ...] = JET_FIELDS
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class EventHead(Head):
    """Class logits of events, for any number of jets and independent of their order.

    Parameters
    ----------
    config : EventHeadConfig
    level : Level
        Events, with jets as members.
    dim : int
        Width of the embedding.
    classes : tuple of str
        Classes of events.
    jet_head : JetHeadConfig, optional
        Computes the jet scores, if the head reads them.

    Attributes
    ----------
    jet_head : ClassificationHead or None
        Computes the jet scores.
    n_inputs : int
        Number of inputs per jet.

    Raises
    ------
    RecipeError
        If the head reads scores but there is no jet head, or a field is missing.
    """

    output: ClassVar = "scores"

    def __init__(
        self,
        config: EventHeadConfig,
        level: Level,
        dim: int,
        classes: tuple[str, ...],
        jet_head: JetHeadConfig | None,
    ) -> None:
        super().__init__()
        self.level, self.columns = level.name, classes
        jets = level.members[0]
        # jets without members have no backbone of their own: their stored vectors are those of tokens of the event
        vectors = f"{jets.name}_embedding" if jets.members else "token_vectors"
        self.reads = (vectors, jets.name, f"{jets.name}_mask")
        self.features = JetsOfEventFeatures(jets, config.fields)
        self.embedding_norm = nn.LayerNorm(dim) if "embedding" in config.reads else None
        self.n_inputs = self.features.n_features + dim * ("embedding" in config.reads)
        self.jet_head: ClassificationHead | None = None
        if "scores" in config.reads:
            if jet_head is None:
                raise RecipeError(
                    "head.reads: the scores of jets come from the head of the checkpoint to start from: give "
                    "start.checkpoint one that classifies jets, or read the embedding"
                )
            self.jet_head = jet_head.config.build(jets, dim, jet_head.classes)
            self.n_inputs += len(jet_head.classes)

    def forward(self, embedding: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        """Compute logits.

        Parameters
        ----------
        embedding : Tensor [events, jets, dim]
        jets : Tensor, float32 [events, jets, fields]
        mask : Tensor, bool [events, jets]
            True where there is a jet. The content of the other slots is ignored.

        Returns
        -------
        Tensor [events, classes]
            NaN for an event with a jet that contains NaN or infinity.
        """
        parts = [self.features(jets, mask)]
        if self.embedding_norm is not None:
            parts.append(self.embedding_norm(embedding))
        if self.jet_head is not None:
            parts.append(log_softmax(self.jet_head(embedding), dim=-1).clamp(min=_LOWEST) * _SCALE)
        inputs = torch.cat(parts, dim=-1).masked_fill(~mask.unsqueeze(-1), 0.0)
        return self.logits(inputs, jets, mask) + not_finite_members(embedding, mask) + not_finite_members(jets, mask)

    def logits(self, inputs: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        """Compute logits from the inputs of the jets, [events, jets, n_inputs], 0 for padding."""
        raise NotImplementedError

    def answer(self, result: Tensor) -> Tensor:
        """Convert logits to probabilities that add up to 1."""
        return result.softmax(dim=-1)
