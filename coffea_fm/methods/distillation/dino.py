"""DINO (arXiv:2104.14294) with masked views: from parts of a jet, a student predicts a teacher's output for all of it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveInt

from coffea_fm.methods.parts.self_distillation import SelfDistillation, SelfDistillationConfig
from coffea_fm.methods.parts.views import Changes, augment
from coffea_fm.methods.parts.views.reflection import Reflection
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.subset import Subset
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed


class DINOConfig(SelfDistillationConfig):
    """The method ``dino``.

    Parameters
    ----------
    student_views : int
        Number of partial views of each jet that the student sees.
    subset : Subset
        Their size.
    changes : tuple of Change
        Augmentations, drawn independently for each view of teacher and student.
    """

    kind: Literal["dino"] = "dino"
    student_views: PositiveInt = 2
    subset: Subset = Subset()
    changes: Changes = (Rotation(), Reflection())

    def build(self, model: Model) -> DINO:  # noqa: D102
        return DINO(self, model)


class DINO(SelfDistillation):
    """Self-distillation from the whole jet to parts of it.

    Parameters
    ----------
    config : DINOConfig
    model : Model
        Its backbone is the student.
    """

    def __init__(self, config: DINOConfig, model: Model) -> None:
        super().__init__(config, model, range(1), range(1, 1 + config.student_views))
        self.config = config

    def versions(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """The complete jets, followed by parts of them."""
        whole = [augment(packed, level, self.config.changes, random)]
        parts = (self.config.subset, *self.config.changes)
        return whole + [augment(packed, level, parts, random) for _ in range(self.config.student_views)]
