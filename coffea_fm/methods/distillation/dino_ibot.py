"""DINO + iBOT (arXiv:2111.07832) for jets, as in jBOT (arXiv:2601.11719): distillation of jets and of hidden particles."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from coffea_fm.methods.parts.hidden_by_pt import HiddenByPtConfig
from coffea_fm.methods.parts.self_distillation import SelfDistillation, SelfDistillationConfig
from coffea_fm.methods.parts.views import Changes, augment
from coffea_fm.methods.parts.views.reflection import Reflection
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.subset import Subset
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed


class DINOiBOTConfig(SelfDistillationConfig):
    """The method ``dino-ibot``.

    Parameters
    ----------
    whole_views : int
        Number of views of the whole jet. The teacher sees all of their particles, the student not the hidden ones.
    partial_views : int
        Number of further views, with a part of the particles, that only the student sees.
    subset : Subset
        Size of the partial views.
    changes : tuple of Change
        Augmentations, drawn independently for each view.
    hidden : HiddenByPtConfig
        What is hidden, and the weight of predicting it.
    """

    several_groups: ClassVar = False
    kind: Literal["dino-ibot"] = "dino-ibot"
    whole_views: Annotated[int, Field(ge=2)] = 2
    partial_views: NonNegativeInt = 0
    subset: Subset = Subset()
    changes: Changes = (Rotation(), Reflection())
    hidden: HiddenByPtConfig = HiddenByPtConfig()
    teacher_temperature: tuple[PositiveFloat, PositiveFloat] = (0.04, 0.04)
    koleo: NonNegativeFloat = 0.1

    def build(self, model: Model) -> DINOiBOT:  # noqa: D102
        return DINOiBOT(self, model)


class DINOiBOT(SelfDistillation):
    """Self-distillation between views of the whole jet, and from the visible to the hidden particles of each.

    Parameters
    ----------
    config : DINOiBOTConfig
    model : Model
        Its backbone is the student.
    """

    def __init__(self, config: DINOiBOTConfig, model: Model) -> None:
        whole, every = config.whole_views, config.whole_views + config.partial_views
        super().__init__(config, model, range(whole), range(every), config.hidden)
        self.config = config

    def versions(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """Whole jets, followed by parts of them."""
        whole = [augment(packed, level, self.config.changes, random) for _ in self.teacher_views]
        parts = (self.config.subset, *self.config.changes)
        return whole + [augment(packed, level, parts, random) for _ in range(self.config.partial_views)]
