"""One model of two levels: constituents to jets by a backbone, jets to events by a head."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn.functional import log_softmax

from coffea_fm.errors import RecipeError
from coffea_fm.nn.build import Backbone, BackboneConfig, Model, build_backbone
from coffea_fm.nn.event_batches import EventInputs
from coffea_fm.nn.heads.classification import ClassificationHead, ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSets, DeepSetsConfig
from coffea_fm.nn.heads.event import EventHead
from coffea_fm.nn.heads.event_transformer import EventTransformer, EventTransformerConfig
from coffea_fm.nn.inputs import BackboneOutput
from coffea_fm.tokens import Collection, InputSpec


class JetHead(BaseModel):
    """The head of jets whose scores an event head reads.

    Parameters
    ----------
    config : ClassificationHeadConfig
        Its shape.
    classes : tuple of str
        Names of its scores.
    """

    model_config = ConfigDict(frozen=True)

    config: ClassificationHeadConfig
    classes: tuple[str, ...]


class EventModel(Model):
    """A backbone of jets, and a head of events.

    Parameters
    ----------
    backbone : nn.Module
        Takes the `Inputs` of jets.
    head : EventHead
        Takes what is known of the jets of each event.
    jet_head : ClassificationHead, optional
        Gives the scores of jets, where the head reads them.
    """

    head: EventHead

    def __init__(self, backbone: Backbone, head: EventHead, jet_head: ClassificationHead | None = None) -> None:
        super().__init__(backbone, head)
        self.jet_head = jet_head

    def forward(self, inputs: EventInputs) -> Tensor:  # type: ignore[override]  # its sets are events
        """Logits of events, [events, classes]."""
        return self.logits(self.embeddings(inputs), inputs.jets, inputs.mask)

    def embeddings(self, inputs: EventInputs) -> Tensor:
        """Embeddings of the jets in the slots of their events, [events, jets, dim]; 0 for padding."""
        if not inputs.groups:
            return inputs.embedding
        outputs: list[BackboneOutput] = [self.backbone(group) for group in inputs.groups]
        vectors = torch.cat([output.embedding for output in outputs])
        slots = vectors.new_zeros((inputs.mask.numel(), vectors.shape[1]))
        return slots.index_copy(0, inputs.slots, vectors).view(*inputs.mask.shape, -1)

    def logits(self, embedding: Tensor, jets: Tensor, mask: Tensor) -> Tensor:
        """Logits of events from embeddings and fields of their jets: what the graph of the event head holds."""
        log_scores = None if self.jet_head is None else log_softmax(self.jet_head(embedding), dim=-1)
        logits: Tensor = self.head(embedding, jets, mask, log_scores)
        return logits


def build_event_model(
    backbone: BackboneConfig,
    head: DeepSetsConfig | EventTransformerConfig,
    spec: InputSpec,
    collection: Collection,
    classes: int,
    jet_head: JetHead | None = None,
) -> EventModel:
    """A model of events, freshly initialised from torch's global random state.

    Parameters
    ----------
    backbone, head : object
        Their configurations.
    spec : InputSpec
        What the backbone reads of a jet.
    collection : Collection
        The jets of an event.
    classes : int
        Number of classes of events.
    jet_head : JetHead, optional
        What gives the scores of jets, if the event head reads them.

    Raises
    ------
    RecipeError
        If the event head reads scores and there is no jet head, or the inputs lack a field.
    """
    network = build_backbone(backbone, spec)
    scores = None
    if "scores" in head.reads:
        if jet_head is None:
            raise RecipeError(
                "head.reads: the scores of jets come from the head of the checkpoint to start from: give "
                "start.checkpoint one that classifies jets, or read the embedding"
            )
        scores = ClassificationHead(jet_head.config, network.dim, len(jet_head.classes))
    n_scores = 0 if scores is None else scores.classes
    event_head = (
        DeepSets(head, collection, network.dim, n_scores, classes)
        if isinstance(head, DeepSetsConfig)
        else EventTransformer(head, collection, network.dim, n_scores, classes)
    )
    return EventModel(network, event_head, scores)
