"""Supervised classification of events, with the backbone of their jets frozen, fine-tuned or from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.nn.batches import Examples
from coffea_fm.nn.build import Model
from coffea_fm.nn.event_batches import EventBatch, event_batches
from coffea_fm.nn.events import EventModel
from coffea_fm.pretraining.method import Method
from coffea_fm.tokens import InputSpec


class EventClassificationConfig(BaseModel):
    """The method ``event-classification``; the section ``event`` of the recipe names the jets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["event-classification"] = "event-classification"


class EventClassification(Method):
    """Cross-entropy of the logits of events; for two classes that is the binary one.

    Parameters
    ----------
    config : EventClassificationConfig
    model : EventModel
        Of jets and events.
    """

    metrics: ClassVar = ("loss", "accuracy")

    def __init__(self, config: EventClassificationConfig, model: Model) -> None:  # noqa: ARG002
        super().__init__(model)

    def parts(
        self,
        examples: Examples,
        spec: InputSpec,  # noqa: ARG002
        micro_tokens: int,
        device: torch.device,
        random: np.random.Generator,  # noqa: ARG002
    ) -> Iterator[EventBatch]:
        """Batches of events, in the order of the step."""
        model = cast("EventModel", self.model)
        return event_batches(examples, model.backbone.features.spec, model.head.collection, micro_tokens, device)

    def forward(self, part: EventBatch) -> dict[str, Tensor]:
        """Loss and accuracy of each event."""
        logits = cast("EventModel", self.model)(part.inputs).float()
        target = part.columns["target"]
        loss = cross_entropy(logits, target, reduction="none")
        return {"loss": loss, "accuracy": (logits.argmax(dim=1) == target).float()}
