"""SwAV (arXiv:2006.09882): predict from one view of a jet the cluster that the other view is assigned to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.losses.distillation import distillation, sinkhorn
from coffea_fm.methods.parts.projector import Projector, Prototypes
from coffea_fm.methods.parts.two_views import TwoViewsConfig
from coffea_fm.methods.parts.views.joint import Views, embed, padded_views
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class SwAVConfig(TwoViewsConfig):
    """The method ``swav``; see also `TwoViewsConfig`.

    Parameters
    ----------
    prototypes : int
        Number of clusters, at most about the number of jets in a step; the paper has 3,000 for steps of 4,096 images.
    epsilon : float
        Temperature of the assignment: how even it is.
    iterations : int
        Iterations of Sinkhorn-Knopp.
    temperature : float
        Temperature of the prediction.
    frozen : float
        Fraction of the training during which the prototypes stay as they are.
    """

    kind: Literal["swav"] = "swav"
    prototypes: Annotated[int, Field(ge=2)] = 64
    epsilon: PositiveFloat = 0.05
    iterations: PositiveInt = 3
    temperature: PositiveFloat = 0.1
    frozen: Annotated[float, Field(ge=0, lt=1)] = 0.01

    def build(self, model: Model) -> SwAV:  # noqa: D102
        return SwAV(self, model)


class SwAV(Method):
    """Swapped prediction of balanced cluster assignments among the jets of a step (separately in each process).

    Parameters
    ----------
    config : SwAVConfig
    model : Model
        Its backbone is trained.
    """

    metrics: ClassVar = ("loss", "loss_over_collapsed", "certainty")
    progress: Tensor

    def __init__(self, config: SwAVConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config
        self.projector = Projector(config.projector, model.backbone.dim)
        self.prototypes = Prototypes(config.projector.dim, config.prototypes)
        self.register_buffer("progress", torch.zeros(()))

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        versions = self.config.views(examples.packed, level, random)
        yield padded_views(examples, [versions], level, micro_tokens, device)

    def forward(self, part: Views) -> dict[str, Tensor]:
        """Loss of each jet, the same divided by its value ``ln K`` after a collapse, and the largest assignment."""
        (groups,), config = part.views, self.config
        if self.training:
            self.prototypes.requires_grad_(float(self.progress) >= config.frozen)
        cosines = self.prototypes(self.projector(embed(self.model.backbone, groups, len(part.weight))))
        with torch.autocast(cosines.device.type, enabled=False):
            assigned = [sinkhorn(view, config.epsilon, config.iterations) for view in cosines.detach()]
            loss = distillation(dict(enumerate(assigned)), dict(enumerate(cosines)), config.temperature)
        certainty = torch.stack(assigned).amax(dim=2).mean(dim=0)
        return {"loss": loss, "loss_over_collapsed": loss / math.log(config.prototypes), "certainty": certainty}

    def finish_step(self, progress: float) -> None:
        """Set the prototypes to unit length."""
        self.prototypes.set_to_unit_length()
        self.progress.fill_(progress)
