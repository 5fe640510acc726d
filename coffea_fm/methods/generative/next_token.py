"""Predict the next particle from the continuous particles before it: its code, and its type given the code."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.generation.continuous import Continuous, ContinuousConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.model import Model


class NextTokenConfig(ContinuousConfig):
    """The method ``next-token``: continuous input and discrete targets (arXiv:2512.04149), for a causal backbone.

    As published, the particles enter as they are, and only the targets are codes. The codes here are the nearest
    centres of k-means, and the type of the particle is predicted besides. The backbone also reads the momentum of the
    jet, so what is learned is the probability of the particles of a jet with this momentum.

    Parameters
    ----------
    codes, fields, tokenizer, id : object
        See `ContinuousConfig`.
    """

    kind: Literal["next-token"] = "next-token"

    def build(self, model: Model) -> NextToken:  # noqa: D102
        return NextToken(self, model)


class NextToken(Continuous):
    """Cross-entropy of the next code or the end, plus the weighted one of the type, averaged over each jet.

    Parameters
    ----------
    config : NextTokenConfig
    model : Model

    Raises
    ------
    RecipeError
        If the backbone is not causal.
    """

    metrics: ClassVar = ("loss", "particle", "id")

    def __init__(self, config: NextTokenConfig, model: Model) -> None:
        super().__init__(config, model)
        if not self.backbone.config.causal:
            raise RecipeError("the method next-token trains a causal backbone: set backbone.causal: true")

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss of each jet, and its contributions from codes and types."""
        particle, kind = self.next_losses(part.inputs, self.tokenizer.codes(part.inputs))
        return {"loss": particle + kind, "particle": particle, "id": kind}
