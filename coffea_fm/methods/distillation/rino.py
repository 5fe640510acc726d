"""RINO (arXiv:2509.07486): a jet looks the same at every resolution, from a few exclusive-kT subjets to its particles."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from coffea_fm.methods.parts.hidden_by_pt import HiddenByPtConfig
from coffea_fm.methods.parts.self_distillation import SelfDistillation, SelfDistillationConfig
from coffea_fm.methods.parts.views import Changes, augment
from coffea_fm.methods.parts.views.clustering import coarse
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed

Counts = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class RINOConfig(SelfDistillationConfig):
    """The method ``rino``.

    Parameters
    ----------
    teacher_subjets : tuple of int
        Numbers of subjets in the views that both the teacher and the student see.
    student_subjets : tuple of int
        Numbers of subjets in the views that only the student sees, in addition to the particles themselves.
    changes : tuple of Change
        Augmentations, drawn independently for each view.
    hidden : HiddenByPtConfig, optional
        Hide subjets of the views that both see from the student, as later versions of the public code do.
    """

    several_groups: ClassVar = False
    kind: Literal["rino"] = "rino"
    teacher_subjets: Counts = (1, 2, 3, 4)
    student_subjets: Counts = (8, 16, 32, 64)
    changes: Changes = ()
    hidden: HiddenByPtConfig | None = None

    def build(self, model: Model) -> RINO:  # noqa: D102
        return RINO(self, model)


class RINO(SelfDistillation):
    """Self-distillation between resolutions.

    Parameters
    ----------
    config : RINOConfig
    model : Model
        Its backbone is the student.
    """

    repelled: ClassVar = -1

    def __init__(self, config: RINOConfig, model: Model) -> None:
        coarsest = len(config.teacher_subjets)
        every = coarsest + len(config.student_subjets) + 1
        super().__init__(config, model, range(coarsest), range(every), config.hidden)
        self.config = config

    def versions(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """Subjets, followed by the particles."""
        views = coarse(packed, level, (*self.config.teacher_subjets, *self.config.student_subjets))
        return [augment(view, level, self.config.changes, random) for view in (*views, packed)]
