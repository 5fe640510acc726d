"""Translation in the (eta, phi) plane."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from coffea_fm.arrays import FloatArray
from coffea_fm.kinematics import wrap
from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, with_values
from coffea_fm.tokens import Level, Members, Packed


class Translation(BaseChange):
    """Shift each jet, together with its axis, in eta and phi.

    Up to masses this is a boost along the beam and a rotation around it: an exact symmetry. JetCLR (arXiv:2108.04253)
    moves the constituents relative to a fixed origin. Here every network measures relative to the jet axis, which moves
    with the constituents, so only the energies change.

    Parameters
    ----------
    width : float
        Largest shift in eta; the shift in phi is uniform in [-π, π].
    """

    kind: Literal["translation"] = "translation"
    width: PositiveFloat = 1.0

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        shift_eta = random.uniform(-self.width, self.width, len(packed)).astype(np.float32)
        shift_phi = random.uniform(-np.pi, np.pi, len(packed)).astype(np.float32)

        def moved(tokens: Members, group: Level) -> Members:
            jets = tokens.parents
            return with_values(tokens, _shifted(tokens.things.values, group, shift_eta[jets], shift_phi[jets]))

        jets = _shifted(packed.values, level, shift_eta, shift_phi)
        return replace(change_tokens(packed, level.members, moved), values=jets)


def _shifted(values: FloatArray, level: Level, shift_eta: FloatArray, shift_phi: FloatArray) -> FloatArray:
    shifted = values.copy()
    shifted[:, level.names.index("eta")] += shift_eta
    phi = level.names.index("phi")
    shifted[:, phi] = wrap(shifted[:, phi] + shift_phi)
    return shifted
