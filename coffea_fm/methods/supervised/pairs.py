"""Supervised classification of pairs of tracks: whether they come from one vertex."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from coffea_fm.errors import RecipeError
from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.truth import mean_over, split_truth
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.nn.build import Model
from coffea_fm.nn.heads.pairs import PairHead
from coffea_fm.tokens import InputSpec


class PairClassificationConfig(BaseModel):
    """The method ``pairs``; the head names the truth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pairs"] = "pairs"


class PairClassification(Method):
    """Binary cross-entropy of each pair of two charged tokens; pairs are alike if all their truth is equal.

    Parameters
    ----------
    config : PairClassificationConfig
    model : Model
        Its head gives logits [sets, tokens, tokens].
    """

    metrics: ClassVar = ("loss", "accuracy")

    def __init__(self, config: PairClassificationConfig, model: Model) -> None:  # noqa: ARG002
        super().__init__(model)

    def parts(
        self, examples: Examples, spec: InputSpec, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Batch]:
        """Length groups, with the charges of the tokens as a column [sets, tokens]."""
        if "charge" not in spec.groups[0].names:
            raise RecipeError("pairs are those of tracks: inputs.fields must have the charge")
        charge = spec.groups[0].names.index("charge")
        for part in super().parts(examples, spec, micro_tokens, device, random):
            yield part._replace(columns=part.columns | {"charge": part.inputs.tokens[..., charge]})

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Mean loss and accuracy of the pairs of each jet."""
        inputs, truth = split_truth(part, cast("PairHead", self.model.head).n_truth)
        track = inputs.mask & (part.columns["charge"] != 0)
        pairs = (track.unsqueeze(1) & track.unsqueeze(2)).triu(diagonal=1)
        together = (truth.unsqueeze(1) == truth.unsqueeze(2)).all(dim=-1)
        logits = self.model(inputs).float()
        loss = binary_cross_entropy_with_logits(logits, together.float(), reduction="none")
        right = ((logits > 0) == together).float()
        return {"loss": mean_over(loss, pairs), "accuracy": mean_over(right, pairs)}
