"""Self-distillation, shared by DINO, RINO and DINO + iBOT: a student predicts its teacher's class for other views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import softmax

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.hidden_by_pt import HiddenByPtConfig, Seen, StandIn, see, with_nothing_hidden
from coffea_fm.methods.parts.losses.distillation import cross_entropies, distillation, sinkhorn
from coffea_fm.methods.parts.losses.koleo import koleo
from coffea_fm.methods.parts.projector import Projector, ProjectorConfig, Prototypes
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig
from coffea_fm.methods.parts.views.joint import Views, padded_views
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
        Weight of the repulsion between nearest neighbours among the embeddings of one of the student's views.
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

    With `hidden`, some particles of the views that both see are hidden from the student, which also has to predict the
    teacher's class for each of them (iBOT, arXiv:2111.07832).

    Parameters
    ----------
    config : SelfDistillationConfig
    model : Model
        Its backbone is the student.
    teacher_views, student_views : range
        Indices of the views that each of them sees. If both start at 0, they share the first ones.
    hidden : HiddenByPtConfig, optional
        What to hide.
    """

    metrics: ClassVar = ("loss", "distillation", "hidden", "koleo", "certainty")
    repelled: ClassVar[int] = 0
    """Which of the student's views KoLeo acts on."""
    progress: Tensor
    centre: Tensor
    hidden_centre: Tensor

    def __init__(
        self,
        config: SelfDistillationConfig,
        model: Model,
        teacher_views: range,
        student_views: range,
        hidden: HiddenByPtConfig | None = None,
    ) -> None:
        super().__init__(model)
        self.settings, self.teacher_views, self.student_views = config, teacher_views, student_views
        self.hidden = hidden
        self.stand_in = StandIn(model.backbone) if hidden else None
        prototypes = Prototypes(config.projector.dim, config.prototypes)
        self.head = nn.Sequential(Projector(config.projector, model.backbone.dim), prototypes)
        self.teacher_backbone = Teacher(config.teacher, model.backbone)
        self.teacher_head = Teacher(config.teacher, self.head)
        self.register_buffer("progress", torch.zeros(()))
        for name in ("centre", "hidden_centre"):
            self.register_buffer(name, torch.zeros(config.prototypes))

    def versions(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """Make all views of the jets."""
        raise NotImplementedError

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Views]:
        versions = self.versions(examples.packed, level, random)
        if self.hidden:
            shared = len(self.teacher_views)
            versions = [self.hidden(version, level, random) for version in versions[:shared]] + [
                with_nothing_hidden(version, level) for version in versions[shared:]
            ]
        seen = [[versions[view] for view in views] for views in (self.student_views, self.teacher_views)]
        yield padded_views(examples, seen, level, micro_tokens, device)

    def forward(self, part: Views) -> dict[str, Tensor]:
        """Loss of each jet, its terms, and the largest class probability of the teacher."""
        n_jets = len(part.weight)
        student = see(self.model.backbone, part.views[0], n_jets, self.stand_in)
        teacher = see(self.teacher_backbone, part.views[1], n_jets)
        embeddings = student.embeddings.float()
        logits = dict(zip(self.student_views, self.head(embeddings), strict=True))
        given = self.teacher_head(teacher.embeddings)
        with torch.autocast(given.device.type, enabled=False):
            targets = self.targets(given, self.centre)
            by_view = dict(zip(self.teacher_views, targets, strict=True))
            matching = distillation(by_view, logits, self.settings.student_temperature)
            repulsion = koleo(embeddings[self.repelled])
        hidden = self.of_hidden(student, teacher, n_jets)
        loss = matching + hidden + self.settings.koleo * repulsion
        certainty = targets.amax(dim=2).mean(dim=0)
        terms = (loss, matching, hidden, repulsion, certainty)
        return dict(zip(self.metrics, terms, strict=True))

    def of_hidden(self, student: Seen, teacher: Seen, n_jets: int) -> Tensor:
        """Weighted cross-entropy of the hidden particles, averaged over those of each jet, float32 [jets]."""
        sums = torch.zeros(2, n_jets, device=student.jets.device)
        if self.hidden is None or not len(student.jets):
            return sums[0]
        logits, given = self.head(student.hidden), self.teacher_head(teacher.hidden)
        with torch.autocast(given.device.type, enabled=False):
            targets = self.targets(given, self.hidden_centre)
            each = cross_entropies(targets, logits, self.settings.student_temperature)
            sums = sums.index_add(1, student.jets, torch.stack((each, torch.ones_like(each))))
        return self.hidden.weight * sums[0] / sums[1].clamp(min=1)

    @torch.no_grad()
    def targets(self, logits: Tensor, centre: Tensor) -> Tensor:
        """Target probabilities of the student from the logits of the teacher; both [..., prototypes]."""
        first, last = self.settings.teacher_temperature
        temperature = first + (last - first) * (self.progress / self.settings.warmup).clamp(max=1.0)
        rows = logits.reshape(-1, logits.shape[-1])
        if self.settings.balance == "sinkhorn":
            return sinkhorn(rows, temperature).view_as(logits)
        targets = softmax((logits - centre) / temperature, dim=-1)
        if self.training:
            centre.lerp_(rows.mean(dim=0), 1 - CENTRE_MOMENTUM)
        return targets

    def finish_step(self, progress: float) -> None:
        """Update the teacher."""
        self.progress.fill_(progress)
        self.teacher_backbone.follow(self.model.backbone, progress)
        self.teacher_head.follow(self.head, progress)
