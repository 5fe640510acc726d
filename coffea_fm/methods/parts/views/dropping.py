"""Random removal of soft constituents."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens
from coffea_fm.tokens import Level, Members, Packed

SOFT_PT = 2.0


class Dropping(BaseChange):
    """Remove soft constituents at random; the hardest one is always kept.

    Parameters
    ----------
    probability : float
        Probability of removing a constituent with pt = 0; it falls as exp(-pt / 2 GeV).
    """

    kind: Literal["dropping"] = "dropping"
    probability: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        def without_soft(tokens: Members, group: Level) -> Members:
            pt = tokens.things.values[:, group.names.index("pt")]
            kept = random.random(len(pt)) >= self.probability * np.exp(-pt / SOFT_PT)
            kept[tokens.offsets[:-1][tokens.counts > 0]] = True
            return tokens.keep(kept)

        return change_tokens(packed, level.members[:1], without_soft)
