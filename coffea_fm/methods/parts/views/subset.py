"""A random subset of the constituents."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens
from coffea_fm.tokens import Level, Members, Packed

Fraction = Annotated[float, Field(gt=0, le=1)]


class Subset(BaseChange):
    """Keep a random subset of the constituents of each jet, independent of their pt.

    Parameters
    ----------
    keep : tuple of float
        Smallest and largest fraction to keep, drawn for each jet; at least one constituent is kept.
    """

    kind: Literal["subset"] = "subset"
    keep: tuple[Fraction, Fraction] = (0.3, 0.7)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.keep[0] > self.keep[1]:
            raise ValueError(f"keep {self.keep} has its larger fraction first; give the smaller one first")
        return self

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        fraction = random.uniform(*self.keep, len(packed))

        def some(tokens: Members, _: Level) -> Members:
            jets = tokens.parents
            order = np.lexsort((random.random(len(jets)), jets))
            place = np.empty(len(jets), dtype=np.int64)
            place[order] = np.arange(len(jets)) - tokens.offsets[:-1][jets]
            return tokens.keep(place < np.maximum(1, np.rint(fraction * tokens.counts))[jets])

        return change_tokens(packed, level.members[:1], some)
