"""The flow of OmniLearned (arXiv:2510.24066) alone, to fine-tune it for generation."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt
from torch import Tensor

from coffea_fm.methods.parts.generation.flow import FlowConfig, FlowGenerator
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.model import Model


class JetFlowConfig(FlowConfig):
    """The method ``jet-flow``.

    Parameters
    ----------
    classes : int
        Number of classes to condition on, those of the data; 0 for none.
    """

    kind: Literal["jet-flow"] = "jet-flow"
    classes: NonNegativeInt = 0

    def build(self, model: Model) -> JetFlow:  # noqa: D102
        return JetFlow(self, model, self.classes)


class JetFlow(FlowGenerator):
    """Loss of the velocity of the particles at a random time; see `FlowGenerator`."""

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss of each jet."""
        body, _, velocity = self.noised(self.backbone.features(part.inputs))
        return {"loss": self.flow_loss(body, velocity, part)}
