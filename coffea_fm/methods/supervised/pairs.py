"""Supervised classification of pairs of tracks: whether they come from the same vertex."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from coffea_fm.errors import RecipeError
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.truth import mean_over, split_truth
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.nn.heads.pairs import PairHead
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class PairClassificationConfig(MethodConfig):
    """The method ``pairs``; the truth fields are set in the head."""

    heads: ClassVar = {"jet": ("pairs",)}
    kind: Literal["pairs"] = "pairs"

    def build(self, model: Model) -> PairClassification:  # noqa: D102
        return PairClassification(model)


class PairClassification(Method):
    """Binary cross-entropy of each pair of charged tokens; a pair is positive if all its truth fields are equal.

    Parameters
    ----------
    model : Model
        Its head computes logits [jets, tokens, tokens] of the first group.
    """

    metrics: ClassVar = ("loss", "accuracy")

    def parts(
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Batch]:
        """Length groups, with the charges of the tokens as an additional column [jets, tokens]."""
        tokens = level.members[0]
        if "charge" not in tokens.names:
            raise RecipeError(
                f"the method pairs needs the charge of the {tokens.name}: add charge to their fields in inputs"
            )
        charge = tokens.names.index("charge")
        for part in super().parts(examples, level, micro_tokens, device, random):
            charges = part.inputs.members[tokens.name].values[..., charge]
            yield part._replace(columns=part.columns | {"charge": charges})

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Mean loss and accuracy of the pairs of each jet."""
        inputs, mask, truth = split_truth(part, cast("PairHead", self.model.head).n_truth)
        track = mask & (part.columns["charge"] != 0)
        pairs = (track.unsqueeze(1) & track.unsqueeze(2)).triu(diagonal=1)
        together = (truth.unsqueeze(1) == truth.unsqueeze(2)).all(dim=-1)
        logits = self.model(inputs).float()
        loss = binary_cross_entropy_with_logits(logits, together.float(), reduction="none")
        right = ((logits > 0) == together).float()
        return {"loss": mean_over(loss, pairs), "accuracy": mean_over(right, pairs)}
