"""OmniLearn (arXiv:2404.16091) and OmniLearned (arXiv:2510.24066): learn classes and a flow with one network."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.parts.generation.flow import FlowConfig, FlowGenerator
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.model import Model


class OmniLearnConfig(FlowConfig):
    """The method ``omnilearn``."""

    heads: ClassVar = {"jet": ("classification",)}
    kind: Literal["omnilearn"] = "omnilearn"

    def build(self, model: Model) -> OmniLearn:  # noqa: D102
        return OmniLearn(self, model)


class OmniLearn(FlowGenerator):
    """Sum of three losses: classes of jets, their flow, and classes of jets on their way to noise.

    The body runs twice, at time 0 and at a time t, uniform between 0 and 1, of the flow. The third loss has the weight
    ``(1 - t)²``. The exported classifier is the pass at time 0.

    Parameters
    ----------
    config : OmniLearnConfig
    model : Model
    """

    metrics: ClassVar = ("loss", "classes", "flow", "noised_classes", "accuracy")

    def __init__(self, config: OmniLearnConfig, model: Model) -> None:
        assert model.head is not None
        super().__init__(config, model, len(model.head.columns))

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Losses and accuracy of each jet."""
        target = part.columns["target"]
        logits = self.model(part.inputs).float()
        body, time, velocity = self.noised(self.backbone.features(part.inputs))
        assert self.model.head is not None
        noised = self.model.head(self.backbone.embedding(body)).float()
        losses = {
            "classes": cross_entropy(logits, target, reduction="none"),
            "flow": self.flow_loss(body, velocity, part),
            "noised_classes": (1 - time).square() * cross_entropy(noised, target, reduction="none"),
        }
        total = losses["classes"] + losses["flow"] + losses["noised_classes"]
        return {"loss": total, **losses, "accuracy": (logits.argmax(dim=1) == target).float()}
