"""Self-distillation, shared by RINO and DINO: a student predicts its teacher's class for other views of a jet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import softmax

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.losses.distillation import distillation, sinkhorn
from coffea_fm.methods.parts.losses.koleo import koleo
from coffea_fm.methods.parts.projector import Projector, ProjectorConfig, Prototypes
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig
from coffea_fm.methods.parts.views.joint import Views, embed, padded_views
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed

CENTRE_MOMENTUM = 0.9


class SelfDistillationConfig(MethodConfig):
    """Settings shared by all self-distillation methods.

    Parameters
    ----------
    projector : ProjectorConfig
        Layers between the embedding and the prototypes.
    prototypes : int
        Number of learned classes.
    teacher : TeacherConfig
        How the teacher follows the student.
    balance : {"sinkhorn", "centring"}
        Prevents the collapse of the teacher to a single class: ``sinkhorn`` balances the classes within each step,
        ``centring`` subtracts a running mean of the logits.
    teacher_temperature : tuple of float
        Rises linearly from the first to the second value during `warmup`.
    student_temperature : float
    warmup : float
        Fraction of the training.
    koleo : float
        Weight of the repulsion between nearest neighbours.
    """

    projector: ProjectorConfig = ProjectorConfig(hidden=(256, 256), dim=64)
    prototypes: PositiveInt = 512
    teacher: TeacherConfig = TeacherConfig()
    balance: Literal["sinkhorn", "centring"] = "sinkhorn"
    teacher_temperature: tuple[PositiveFloat, PositiveFloat] = (0.04, 0.07)
    student_temperature: PositiveFloat = 0.1
    warmup: Annotated[float, Field(gt=0, le=1)] = 0.2
    koleo: NonNegativeFloat = 1.0


class SelfDistillation(Method):
    """Cross-entropy between the class probabilities of teacher and student for different views of a jet.

    Parameters
    ----------
    config : SelfDistillationConfig
    model : Model
        Its backbone is the student.
    teacher_views, student_views : range
        Indices of the views that each of them sees.
    """

    metrics: ClassVar = ("loss", "distillation", "koleo", "certainty")
    progress: Tensor
    centre: Tensor

    def __init__(
        self, config: SelfDistillationConfig, model: Model, teacher_views: range, student_views: range
    ) -> None:
        super().__init__(model)
        self.settings, self.teacher_views, self.student_views = config, teacher_views, student_views
        prototypes = Prototypes(config.projector.dim, config.prototypes)
        self.head = nn.Sequential(Projector(config.projector, model.backbone.dim), prototypes)
        self.teacher_backbone = Teacher(config.teacher, model.backbone)
        self.teacher_head = Teacher(config.teacher, self.head)
        self.register_buffer("progress", torch.zeros(()))
        self.register_buffer("centre", torch.zeros(config.prototypes))

    def versions(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """Make all views of the jets."""
        raise NotImplementedError

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        versions = self.versions(examples.packed, level, random)
        seen = [[versions[view] for view in views] for views in (self.student_views, self.teacher_views)]
        yield padded_views(examples, seen, level, micro_tokens, device)

    def forward(self, part: Views) -> dict[str, Tensor]:
        """Loss of each jet, its two terms, and the largest class probability of the teacher."""
        student, teacher = part.views
        n_jets = len(part.weight)
        embeddings = embed(self.model.backbone, student, n_jets).float()
        logits = dict(zip(self.student_views, self.head(embeddings), strict=True))
        given = self.teacher_head(embed(self.teacher_backbone, teacher, n_jets))
        with torch.autocast(given.device.type, enabled=False):
            targets = self.targets(given)
            by_view = dict(zip(self.teacher_views, targets, strict=True))
            matching = distillation(by_view, logits, self.settings.student_temperature)
            repulsion = torch.stack([koleo(view) for view in embeddings]).mean(dim=0)
        loss = matching + self.settings.koleo * repulsion
        certainty = targets.amax(dim=2).mean(dim=0)
        return {"loss": loss, "distillation": matching, "koleo": repulsion, "certainty": certainty}

    @torch.no_grad()
    def targets(self, logits: Tensor) -> Tensor:
        """Target probabilities of the student from the logits of the teacher; both [views, jets, prototypes]."""
        first, last = self.settings.teacher_temperature
        temperature = first + (last - first) * (self.progress / self.settings.warmup).clamp(max=1.0)
        if self.settings.balance == "sinkhorn":
            return sinkhorn(logits.flatten(0, 1), temperature).view_as(logits)
        targets = softmax((logits - self.centre) / temperature, dim=2)
        if self.training:
            self.centre.lerp_(logits.mean(dim=(0, 1)), 1 - CENTRE_MOMENTUM)
        return targets

    def finish_step(self, progress: float) -> None:
        """Update the teacher."""
        self.progress.fill_(progress)
        self.teacher_backbone.follow(self.model.backbone, progress)
        self.teacher_head.follow(self.head, progress)
