"""Supervised classification of tokens, e.g. the origin of tracks."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.truth import mean_over, split_truth
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.build import Model


class TokenClassificationConfig(BaseModel):
    """The method ``tokens``; the head names the truth and its classes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["tokens"] = "tokens"


class TokenClassification(Method):
    """Cross-entropy of the logits of tokens, averaged over those of a jet whose truth is not negative.

    Parameters
    ----------
    config : TokenClassificationConfig
    model : Model
        Its head gives logits [sets, tokens, classes].
    """

    metrics: ClassVar = ("loss", "accuracy")

    def __init__(self, config: TokenClassificationConfig, model: Model) -> None:  # noqa: ARG002
        super().__init__(model)

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Mean loss and accuracy of the tokens of each jet."""
        inputs, truth = split_truth(part, 1)
        target = truth[..., 0].long()
        asked = inputs.mask & (target >= 0)
        logits = self.model(inputs).float()
        loss = cross_entropy(logits.transpose(1, 2), target.masked_fill(~asked, 0), reduction="none")
        right = (logits.argmax(dim=-1) == target).float()
        return {"loss": mean_over(loss, asked), "accuracy": mean_over(right, asked)}
