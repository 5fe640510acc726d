"""Rotation about the jet's axis."""

from __future__ import annotations

from typing import Literal

import numpy as np

from coffea_fm.methods.parts.views.base import BaseChange, move_tokens
from coffea_fm.tokens import Level, Packed


class Rotation(BaseChange):
    """Rotate each jet about its axis in the (eta, phi) plane by a random angle."""

    kind: Literal["rotation"] = "rotation"

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        angle = random.uniform(-np.pi, np.pi, len(packed))
        cosine, sine = np.cos(angle), np.sin(angle)
        return move_tokens(
            packed,
            level,
            level.members,
            lambda eta, phi, _, jet: (cosine[jet] * eta - sine[jet] * phi, sine[jet] * eta + cosine[jet] * phi),
        )
