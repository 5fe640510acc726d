"""Smearing of soft constituents."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from coffea_fm.arrays import FloatArray, Floats, IntArray
from coffea_fm.methods.parts.views.base import BaseChange, Coordinates, move_tokens
from coffea_fm.tokens import Level, Packed

SMALLEST_PT = 0.1


class Smearing(BaseChange):
    """Smear eta and phi of each constituent by a Gaussian of width ``strength / pt``, as JetCLR (arXiv:2108.04253).

    The momentum of every constituent moves by about `strength` GeV, independent of its pt, so the change is infrared
    safe.

    Parameters
    ----------
    strength : float
        In GeV; pt is taken to be at least 0.1 GeV.
    """

    kind: Literal["smearing"] = "smearing"
    strength: PositiveFloat = 0.1

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        def smeared(eta: Floats, phi: Floats, pt: FloatArray, _: IntArray) -> Coordinates:
            shift = random.normal(size=(2, len(pt))) * (self.strength / np.maximum(pt, SMALLEST_PT))
            return eta + shift[0], phi + shift[1]

        return move_tokens(packed, level, level.members[:1], smeared)
