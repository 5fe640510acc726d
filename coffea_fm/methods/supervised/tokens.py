"""Supervised classification of tokens, e.g. of tracks by their origin."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.truth import mean_over, split_truth
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.model import Model


class TokenClassificationConfig(MethodConfig):
    """The method ``tokens``; the truth field and its classes are set in the head."""

    heads: ClassVar = {"jet": ("tokens",)}
    kind: Literal["tokens"] = "tokens"

    def build(self, model: Model) -> TokenClassification:  # noqa: D102
        return TokenClassification(model)


class TokenClassification(Method):
    """Cross-entropy of the token logits, averaged over the tokens of a jet whose truth is not negative.

    Parameters
    ----------
    model : Model
        Its head computes logits [jets, tokens, classes] of the first group.
    """

    metrics: ClassVar = ("loss", "accuracy")

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Mean loss and accuracy of the tokens of each jet."""
        inputs, mask, truth = split_truth(part, 1)
        target = truth[..., 0].long()
        asked = mask & (target >= 0)
        logits = self.model(inputs).float()
        loss = cross_entropy(logits.transpose(1, 2), target.masked_fill(~asked, 0), reduction="none")
        right = (logits.argmax(dim=-1) == target).float()
        return {"loss": mean_over(loss, asked), "accuracy": mean_over(right, asked)}
