"""Reflection in the (eta, phi) plane."""

from __future__ import annotations

from typing import Literal

import numpy as np

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, move_tokens, with_values
from coffea_fm.tokens import Level, Members, Packed


class Reflection(BaseChange):
    """Reflect half of the jets in eta and half in phi about the jet axis, including the signs of dz and d0."""

    kind: Literal["reflection"] = "reflection"

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        sign_eta, sign_phi = random.choice((-1.0, 1.0), (2, len(packed)))

        def mirrored(tokens: Members, group: Level) -> Members:
            values = tokens.things.values.copy()
            for name, sign in (("dz", sign_eta), ("d0", sign_phi)):
                if name in group.names:
                    values[:, group.names.index(name)] *= sign[tokens.parents]
            return with_values(tokens, values)

        moved = move_tokens(
            packed, level, level.members, lambda eta, phi, _, jet: (eta * sign_eta[jet], phi * sign_phi[jet])
        )
        return change_tokens(moved, level.members, mirrored)
