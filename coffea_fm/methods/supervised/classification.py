"""Supervised classification of jets or of events."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.model import Model


class SupervisedConfig(MethodConfig):
    """The method ``supervised``.

    Parameters
    ----------
    label_smoothing : float
        Fraction of the target probability that is distributed over all classes.
    """

    heads: ClassVar = {"jet": ("classification",), "event": ("deep-sets", "event-transformer")}
    kind: Literal["supervised"] = "supervised"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def build(self, model: Model) -> Supervised:  # noqa: D102
        return Supervised(self, model)


class Supervised(Method):
    """Cross-entropy of the logits, which for two classes is the binary cross-entropy.

    Parameters
    ----------
    config : SupervisedConfig
    model : Model
        Its head computes logits [n, classes].
    """

    metrics: ClassVar = ("loss", "accuracy")

    def __init__(self, config: SupervisedConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss and accuracy of each jet or event."""
        logits = self.model(part.inputs).float()
        target = part.columns["target"]
        loss = cross_entropy(logits, target, reduction="none", label_smoothing=self.config.label_smoothing)
        return {"loss": loss, "accuracy": (logits.argmax(dim=1) == target).float()}
