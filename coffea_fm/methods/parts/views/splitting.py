"""Collinear splitting of constituents."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from coffea_fm.arrays import BoolArray
from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, sort_tokens
from coffea_fm.tokens import Level, Members, Packed
from coffea_fm.tokens.jagged import offsets_of

PHOTON = 22.0


class Splitting(BaseChange):
    """Split constituents into two with the same direction, as JetCLR (arXiv:2108.04253).

    The two carry fractions ``z`` and ``1 - z`` of pt and mass, with uniform ``z``, so that their four-momenta add up,
    pt even exactly. The harder one keeps charge, type and impact parameters. The softer one becomes a photon without a
    track if the constituent is charged, so that the charge is conserved, and keeps the type otherwise.

    Parameters
    ----------
    probability : float
        Splitting probability of each constituent, as long as the jet does not exceed the maximum number of tokens.
    """

    kind: Literal["splitting"] = "splitting"
    probability: Annotated[float, Field(gt=0, le=1)] = 0.5

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:  # noqa: D102
        return change_tokens(packed, level.members[:1], lambda tokens, group: self._split(tokens, group, random))

    def _split(self, tokens: Members, group: Level, random: np.random.Generator) -> Members:
        things = tokens.things
        split = _with_room(random.random(len(things)) < self.probability, tokens, group.maximum)
        harder, missing = things.values.copy(), things.missing[split]
        softer = harder[split]
        share = random.uniform(0.5, 1.0, len(softer)).astype(np.float32)
        for name in ("pt", "mass"):
            if name in group.names:
                column = group.names.index(name)
                harder[split, column] = share * softer[:, column]
                softer[:, column] -= harder[split, column]
        if "charge" in group.names:
            charged = softer[:, group.names.index("charge")] != 0
            softer[charged, group.names.index("charge")] = 0.0
            if "pdgId" in group.names:
                softer[charged, group.names.index("pdgId")] = PHOTON
            missing = missing | charged[:, np.newaxis]
            for column, name in enumerate(group.missing_names):
                softer[missing[:, column], group.names.index(name)] = 0.0
        jets = tokens.parents
        order = np.argsort(np.concatenate((jets, jets[split])), kind="stable")
        counts = tokens.counts + np.bincount(jets[split], minlength=len(tokens.counts))
        both = Packed(np.concatenate((harder, softer)), np.concatenate((things.missing, missing)))
        return sort_tokens(Members(counts, both.take(order)), group)


def _with_room(split: BoolArray, tokens: Members, maximum: int | None) -> BoolArray:
    if maximum is None:
        return split
    before = offsets_of(split.astype(np.int64))
    rank = before[:-1] - before[tokens.offsets[:-1]][tokens.parents]
    allowed: BoolArray = split & (rank < (maximum - tokens.counts)[tokens.parents])
    return allowed
