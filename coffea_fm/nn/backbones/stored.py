"""Vectors that another model computed and that were stored, in the place of what a network would compute."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.tokens import JET_FIELDS, Level

CLIP = 10.0
"""Largest value after standardisation."""


class StoredConfig(BackboneConfig):
    """Stored columns of jets as their embedding: ``inputs.stored`` of a recipe names them.

    There is nothing to train: each column is standardised with its mean and variance in the training jets, and clipped
    to ±10. Heads for jets and for events are trained on it like on any embedding.
    """

    kind: Literal["stored"] = "stored"

    def build(self, level: Level) -> Stored:
        """Build the backbone."""
        return Stored(self, level)


class Stored(Backbone):
    """The stored columns of each jet, standardised.

    Parameters
    ----------
    config : StoredConfig
    level : Level
        Jets, or events that have jets; all of their fields that are not canonical are taken.

    Raises
    ------
    RecipeError
        If there is no stored column, or if the jets have constituents.
    """

    def __init__(self, config: StoredConfig, level: Level) -> None:
        super().__init__()
        jets = level.members[0] if level.members else level
        places = [index for index, name in enumerate(jets.names) if name not in JET_FIELDS]
        if not places or len(level.members) > 1:
            raise RecipeError("the backbone 'stored' reads stored columns alone: name them as inputs.stored")
        self.config, self.level, self.dim, self.reveals_replaced = config, level, len(places), False
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.statistics = nn.BatchNorm1d(len(places), momentum=None, affine=False)

    places: Tensor

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:  # noqa: ARG002
        """Standardise a batch: of jets, or of the jets of events, whose vectors are the token vectors."""
        if not self.level.members:
            vectors = self._standardised(inputs.values, None) + not_finite(inputs)
            return BackboneOutput(vectors, vectors.unsqueeze(1)[:, :0])
        jets = inputs.tokens
        vectors = self._standardised(jets.values, jets.mask).masked_fill(~jets.mask.unsqueeze(-1), 0.0)
        number = jets.mask.sum(dim=1, keepdim=True).clamp(min=1)
        return BackboneOutput(vectors.sum(dim=1) / number + not_finite(inputs), vectors)

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """One group, without parameters."""
        return (("statistics",),)

    def _standardised(self, values: Tensor, mask: Tensor | None) -> Tensor:
        with torch.autocast(values.device.type, enabled=False):
            columns = values.index_select(-1, self.places)
            if self.training:
                real = columns if mask is None else columns[mask]
                if len(real) > 1:
                    self.statistics(real.detach())
            mean, variance = self.statistics.running_mean, self.statistics.running_var
            if mean is None or variance is None:
                raise TypeError("a batch norm without statistics")
            return ((columns - mean) * torch.rsqrt(variance + self.statistics.eps)).clamp(-CLIP, CLIP)
