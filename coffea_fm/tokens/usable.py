"""Which things a model can read at all, and why not the others."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import BoolArray
from coffea_fm.tokens.levels import Level
from coffea_fm.tokens.packed import Members, Packed


def unusable(packed: Packed, level: Level) -> dict[str, BoolArray]:
    """What keeps things from having a score.

    Returns
    -------
    dict of str to bool array of shape [n]
        By reason, which things it concerns: ``without_m`` or ``too_few_m`` for members ``m`` below their minimum;
        ``with_unusable_m`` where a member that has members itself is unusable; ``not_finite`` for a number of the thing
        or its tokens that is NaN or infinite.
    """
    reasons: dict[str, BoolArray] = {}
    not_finite = np.zeros(len(packed), dtype=np.bool_)
    for numbers in (packed.values, *packed.known.values()):
        not_finite |= ~np.isfinite(numbers).all(axis=1)
    for member in level.members:
        members = packed.members.get(member.name)
        if members is None:
            continue
        if member.minimum:
            reasons[f"{'without' if member.minimum == 1 else 'too_few'}_{member.name}"] = (
                members.counts < member.minimum
            )
        affected = _parents(members, any_reason(unusable(members.things, member)))
        if member.members:
            reasons[f"with_unusable_{member.name}"] = affected
        else:
            not_finite |= affected
    return {**reasons, "not_finite": not_finite}


def any_reason(reasons: dict[str, BoolArray]) -> BoolArray:
    """Which things at least one reason concerns, bool [n]."""
    concerned: BoolArray = np.any(list(reasons.values()), axis=0)
    return concerned


def count_once(reasons: dict[str, BoolArray]) -> tuple[dict[str, int], BoolArray]:
    """How many things are lost to each reason, each counted for the first reason only; and which are left, bool [n]."""
    left = np.ones(len(next(iter(reasons.values()))), dtype=np.bool_)
    counts = {}
    for reason, concerned in reasons.items():
        counts[reason] = int((left & concerned).sum())
        left &= ~concerned
    return counts, left


def _parents(members: Members, chosen: BoolArray) -> BoolArray:
    affected = np.zeros(len(members.counts), dtype=np.bool_)
    affected[members.parents[chosen]] = True
    return affected
