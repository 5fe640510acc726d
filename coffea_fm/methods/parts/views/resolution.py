"""Smearing of the momentum of the jet itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from coffea_fm.methods.parts.views.base import BaseChange
from coffea_fm.tokens import Level, Packed


class Resolution(BaseChange):
    """Multiply pt and mass of the jet by independent log-normal factors; the constituents are unchanged.

    Otherwise all views of a jet have exactly the same pt and mass, different from every other jet, and a network can
    match the views without looking at any constituent.

    Parameters
    ----------
    width : float
        Standard deviation of the logarithm of the factors.
    """

    kind: Literal["resolution"] = "resolution"
    width: PositiveFloat = 0.2

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        values = packed.values.copy()
        for quantity in ("pt", "mass"):
            columns = [level.names.index(name) for name in (quantity, f"{quantity}_raw") if name in level.names]
            if columns:
                values[:, columns] *= np.exp(random.normal(0.0, self.width, len(packed)))[:, np.newaxis]
        return replace(packed, values=values)
