"""Supervised classification: the class of each jet from its embedding."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.method import Method
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.build import Model


class SupervisedConfig(BaseModel):
    """The method ``supervised``.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread over all classes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["supervised"] = "supervised"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Supervised(Method):
    """Cross-entropy of a model's logits.

    Parameters
    ----------
    config : SupervisedConfig
    model : Model
        Its head gives logits [sets, classes].
    """

    metrics: ClassVar = ("loss", "accuracy")

    def __init__(self, config: SupervisedConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss and accuracy of each jet."""
        logits = self.answers(part).float()
        target = part.columns["target"]
        loss = cross_entropy(logits, target, reduction="none", label_smoothing=self.config.label_smoothing)
        return {"loss": loss, "accuracy": (logits.argmax(dim=1) == target).float()}
