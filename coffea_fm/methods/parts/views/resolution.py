"""Resolution of the jet's own momentum."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from coffea_fm.methods.parts.views.base import BaseChange
from coffea_fm.tokens import InputSpec, PackedSets


class Resolution(BaseChange):
    """Multiply pt and mass of the jet itself by a log-normal factor each; the constituents stay.

    All views of a jet share these two numbers, which no other jet has to the last digit: without this, a network can
    tell which views belong together and look at no constituent.

    Parameters
    ----------
    width : float
        Standard deviation of the logarithm of the factors.
    """

    kind: Literal["resolution"] = "resolution"
    width: PositiveFloat = 0.2

    def __call__(self, packed: PackedSets, spec: InputSpec, random: np.random.Generator) -> PackedSets:  # noqa: D102
        jet = packed.jet.copy()
        for name in ("pt", "mass"):
            if name in spec.jet_names:
                jet[:, spec.jet_names.index(name)] *= np.exp(random.normal(0.0, self.width, len(packed)))
        return PackedSets(packed.groups, jet)
