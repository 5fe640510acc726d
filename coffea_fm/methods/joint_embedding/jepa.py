"""Joint embedding prediction: from a part of a jet, predict what a teacher's vectors for the rest are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import layer_norm, mse_loss, smooth_l1_loss

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.decoders.patches import PatchPredictor, Told
from coffea_fm.methods.parts.decoders.stack import DecoderConfig
from coffea_fm.methods.parts.losses.vicreg import covariance, variance
from coffea_fm.methods.parts.patches.hiding import HiddenPatches
from coffea_fm.methods.parts.patches.patched_jets import PatchedJets, PatchedStep, patched_steps
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level

LOSSES = {"l2": mse_loss, "smooth-l1": smooth_l1_loss}


class JEPAConfig(MethodConfig):
    """The method ``jepa``: J-JEPA, P-JEPA, HEP-JEPA and JP-JEPA are choices of these settings.

    Parameters
    ----------
    hidden : HiddenPatches
        How a jet is divided into patches, and which of them are hidden. A target is the mean of the teacher's vectors
        over a hidden patch.
    told : {"position", "order"}
        What the predictor knows of a hidden patch: its η and φ, or its place among the hidden ones by pT.
    predictor : DecoderConfig
    teacher : TeacherConfig
    loss : {"l2", "smooth-l1"}
    variance, covariance : float
        Weights of the terms of VICReg (arXiv:2105.04906) for the embeddings of the visible parts of all jets of a step.
    """

    several_groups: ClassVar = False
    kind: Literal["jepa"] = "jepa"
    hidden: HiddenPatches = HiddenPatches()
    told: Told = "position"
    predictor: DecoderConfig = DecoderConfig()
    teacher: TeacherConfig = TeacherConfig(start=0.99, end=1.0)
    loss: Literal["l2", "smooth-l1"] = "l2"
    variance: NonNegativeFloat = 0.0
    covariance: NonNegativeFloat = 0.0

    def build(self, model: Model) -> JEPA:  # noqa: D102
        return JEPA(self, model)


class JEPA(Method):
    """Distance between predicted and actual vectors of the teacher, averaged over the hidden patches of each jet.

    The teacher reads the whole jet, the student its visible particles. As in I-JEPA (arXiv:2301.08243), the vectors of the
    teacher are normalised, so that they cannot shrink.

    Parameters
    ----------
    config : JEPAConfig
    model : Model
        Its backbone is the student.
    """

    metrics: ClassVar = ("loss", "prediction", "variance", "covariance")

    def __init__(self, config: JEPAConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config
        self.predictor = PatchPredictor(model.backbone, config.predictor, config.told)
        self.teacher = Teacher(config.teacher, model.backbone)

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[PatchedStep]:
        together = self.config.variance > 0 or self.config.covariance > 0
        return patched_steps(examples, level, self.config.hidden, micro_tokens, device, random, together=together)

    def forward(self, part: PatchedStep) -> dict[str, Tensor]:
        """Loss of each jet, and its three terms."""
        outputs = [self.model.backbone(group.jets.visible.inputs) for group in part.groups]
        pairs = zip(outputs, part.groups, strict=True)
        prediction = torch.cat([self.distance(self.predictor(*output, group), group) for output, group in pairs])
        embeddings = torch.cat([output.embedding for output in outputs]).float()
        with torch.autocast(embeddings.device.type, enabled=False):
            terms = [term(embeddings).expand_as(prediction) for term in (variance, covariance)]
        loss = prediction + self.config.variance * terms[0] + self.config.covariance * terms[1]
        return dict(zip(self.metrics, (loss, prediction, *terms), strict=True))

    def targets(self, group: PatchedJets) -> Tensor:
        """Mean of the normalised vectors of the teacher over each hidden patch, float32 [jets, patches, dim]."""
        vectors = group.of_hidden_particles(self.teacher(group.jets.whole).token_vectors).float()
        return group.mean_by_patch(layer_norm(vectors, vectors.shape[-1:]))

    def distance(self, predicted: Tensor, group: PatchedJets) -> Tensor:
        """Mean over the hidden patches of each jet of the distance to their targets, float32 [jets]."""
        each = LOSSES[self.config.loss](predicted.float(), self.targets(group), reduction="none").mean(dim=2)
        return group.mean_of_patches(each)

    def finish_step(self, progress: float) -> None:
        """Update the teacher."""
        self.teacher.follow(self.model.backbone, progress)
