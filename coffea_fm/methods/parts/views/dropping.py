"""Dropping of soft constituents."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, keep_tokens
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup

SOFT_PT = 2.0


class Dropping(BaseChange):
    """Remove soft constituents; the hardest one stays.

    Parameters
    ----------
    probability : float
        Of a constituent of no pt, falling as exp(-pt / 2 GeV).
    """

    kind: Literal["dropping"] = "dropping"
    probability: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def __call__(self, packed: PackedSets, spec: InputSpec, random: np.random.Generator) -> PackedSets:  # noqa: D102
        def without_soft(tokens: PackedTokens, group: TokenGroup) -> PackedTokens:
            pt = tokens.values[:, group.names.index("pt")]
            kept = random.random(len(pt)) >= self.probability * np.exp(-pt / SOFT_PT)
            kept[tokens.offsets[:-1][tokens.lengths > 0]] = True
            return keep_tokens(tokens, kept)

        return change_tokens(packed, spec, without_soft)
