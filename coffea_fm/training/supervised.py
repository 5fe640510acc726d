"""Supervised classification: the class of each jet from its embedding."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.training.batches import Batch


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


class Supervised(nn.Module):
    """Cross-entropy of a model's logits.

    Parameters
    ----------
    config : SupervisedConfig
    model : nn.Module
        Takes `Inputs`, gives logits [sets, classes].
    """

    metrics = ("loss", "accuracy")

    def __init__(self, config: SupervisedConfig, model: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.model = model

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Loss and accuracy of each set, float32 [sets]."""
        logits = self.model(batch.inputs).float()
        loss = cross_entropy(logits, batch.target, reduction="none", label_smoothing=self.config.label_smoothing)
        return {"loss": loss, "accuracy": (logits.argmax(dim=1) == batch.target).float()}
