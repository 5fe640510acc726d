"""Collinear splitting of constituents."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, set_of_token, sort_tokens
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup
from coffea_fm.tokens.jagged import offsets_of
from coffea_fm.tokens.packed import BoolArray

PHOTON = 22.0


class Splitting(BaseChange):
    """Split constituents into two in the same direction, as JetCLR (arXiv:2108.04253).

    The two have ``z`` and ``1 - z`` of the pt and of the mass, ``z`` uniform: their four-momenta add up, pt to the last
    bit. The harder half keeps charge, type and impact parameters. The softer half of a charged constituent becomes a
    photon without a track, so that charges add up, too; that of a neutral one is of its type.

    Parameters
    ----------
    probability : float
        Of each constituent, as long as the jet does not exceed the tokens that a set may have.
    """

    kind: Literal["splitting"] = "splitting"
    probability: Annotated[float, Field(gt=0, le=1)] = 0.5

    def __call__(self, packed: PackedSets, spec: InputSpec, random: np.random.Generator) -> PackedSets:  # noqa: D102
        return change_tokens(packed, spec, lambda tokens, group: self._split(tokens, group, random))

    def _split(self, tokens: PackedTokens, group: TokenGroup, random: np.random.Generator) -> PackedTokens:
        split = _with_room(random.random(len(tokens.values)) < self.probability, tokens, group.max_tokens)
        harder, missing = tokens.values.copy(), tokens.missing[split]
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
        sets = set_of_token(tokens)
        order = np.argsort(np.concatenate((sets, sets[split])), kind="stable")
        lengths = tokens.lengths + np.bincount(sets[split], minlength=len(tokens.lengths))
        values = np.concatenate((harder, softer))[order]
        return sort_tokens(PackedTokens(values, lengths, np.concatenate((tokens.missing, missing))[order]), group)


def _with_room(split: BoolArray, tokens: PackedTokens, max_tokens: int) -> BoolArray:
    before = offsets_of(split.astype(np.int64))
    sets = set_of_token(tokens)
    rank = before[:-1] - before[tokens.offsets[:-1]][sets]
    allowed: BoolArray = split & (rank < (max_tokens - tokens.lengths)[sets])
    return allowed
