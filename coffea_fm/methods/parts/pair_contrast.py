"""The contrastive loss of two versions of each jet, shared by JetCLR and RS3L."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.losses.nt_xent import nt_xent
from coffea_fm.methods.parts.projector import Projector, ProjectorConfig
from coffea_fm.methods.parts.views.joint import Views, embed
from coffea_fm.nn.model import Model


class PairContrast(Method):
    """Contrastive loss among all jets of a step (separately in each process); `parts` makes the two versions.

    Parameters
    ----------
    model : Model
        Its backbone is trained.
    projector : ProjectorConfig
    temperature : float
    """

    metrics: ClassVar = ("loss", "found")

    def __init__(self, model: Model, projector: ProjectorConfig, temperature: float) -> None:
        super().__init__(model)
        self.projector = Projector(projector, model.backbone.dim)
        self.temperature = temperature

    def forward(self, part: Views) -> dict[str, Tensor]:
        """Loss of each jet, and the fraction of its versions whose nearest neighbour is the other one."""
        (groups,) = part.views
        first, second = self.projector(embed(self.model.backbone, groups, len(part.weight))).float()
        with torch.autocast(first.device.type, enabled=False):
            loss, found = nt_xent(first, second, self.temperature)
        return {"loss": loss, "found": found}
