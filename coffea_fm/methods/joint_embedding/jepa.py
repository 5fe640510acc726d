"""Joint embedding prediction: from a part of a jet, predict what a teacher's vectors for the rest are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.decoders.patches import PatchPredictor, PatchPredictorConfig
from coffea_fm.methods.parts.losses.latent import Distance, latent_distance, normalised
from coffea_fm.methods.parts.losses.vicreg import covariance, variance
from coffea_fm.methods.parts.patches.hiding import HiddenPatches
from coffea_fm.methods.parts.patches.patched_jets import PatchedJets, PatchedStep, patched_steps
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level


class JEPAConfig(MethodConfig):
    """The method ``jepa``: J-JEPA, P-JEPA, HEP-JEPA and JP-JEPA are choices of these settings.

    Parameters
    ----------
    hidden : HiddenPatches
        How a jet is divided into patches, and which of them are hidden. A target is the mean of the teacher's vectors
        over a hidden patch.
    predictor : PatchPredictorConfig
    teacher : TeacherConfig
    loss : {"l2", "smooth-l1"}
    variance, covariance : float
        Weights of the terms of VICReg (arXiv:2105.04906) for the embeddings of the visible parts of all jets of a step.
    """

    several_groups: ClassVar = False
    kind: Literal["jepa"] = "jepa"
    hidden: HiddenPatches = HiddenPatches()
    predictor: PatchPredictorConfig = PatchPredictorConfig()
    teacher: TeacherConfig = TeacherConfig(start=0.99, end=1.0)
    loss: Distance = "l2"
    variance: NonNegativeFloat = 0.0
    covariance: NonNegativeFloat = 0.0

    def build(self, model: Model) -> JEPA:  # noqa: D102
        return JEPA(self, model)


class JEPA(Method):
    """Distance between predicted and actual vectors of the teacher, averaged over the hidden patches of each jet.

    The teacher reads the whole jet, the student its visible particles. The vectors of the teacher are normalised, as in
    I-JEPA (arXiv:2301.08243), so that they cannot shrink.

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
        self.predictor = PatchPredictor(model.backbone, config.predictor)
        self.teacher = Teacher(config.teacher, model.backbone)

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[PatchedStep]:
        together = self.config.variance > 0 or self.config.covariance > 0
        return patched_steps(examples, level, self.config.hidden, micro_tokens, device, random, together=together)

    def forward(self, part: PatchedStep) -> dict[str, Tensor]:
        """Loss of each jet, and its three terms."""
        outputs = [(self.model.backbone(group.jets.visible.inputs), group) for group in part.groups]
        prediction = torch.cat([self.distance(self.predictor(*output, group), group) for output, group in outputs])
        embeddings = torch.cat([output.embedding for output, _ in outputs]).float()
        terms = [term(embeddings).expand_as(prediction) for term in (variance, covariance)]
        loss = prediction + self.config.variance * terms[0] + self.config.covariance * terms[1]
        return dict(zip(self.metrics, (loss, prediction, *terms), strict=True))

    def targets(self, group: PatchedJets) -> Tensor:
        """Mean of the normalised vectors of the teacher over each hidden patch, float32 [jets, patches, dim]."""
        vectors: Tensor = self.teacher(group.jets.whole).token_vectors
        return group.mean_by_patch(group.of_hidden_particles(normalised(vectors)))

    def distance(self, predicted: Tensor, group: PatchedJets) -> Tensor:
        """Mean distance of the hidden patches of each jet to their targets, float32 [jets]."""
        return group.mean_of_patches(latent_distance(predicted, self.targets(group), self.config.loss))

    def finish_step(self, progress: float) -> None:
        """Update the teacher."""
        self.teacher.follow(self.model.backbone, progress)
