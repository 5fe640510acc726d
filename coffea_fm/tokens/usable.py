"""Which things a model can score, and why it cannot score the others."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import BoolArray
from coffea_fm.tokens.levels import Level
from coffea_fm.tokens.packed import Members, Packed


def unusable(packed: Packed, level: Level) -> dict[str, BoolArray]:
    """Find the things that cannot have a score, by reason.

    Returns
    -------
    dict of str to bool array of shape [n]
        For each reason, the things it applies to: ``without_m`` or ``too_few_m`` for members ``m`` below their minimum;
        ``with_unusable_m`` if a member that has members itself is unusable; ``not_finite`` if a number of the thing or
        its tokens is NaN or infinite.
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
    """The things that at least one reason applies to, bool [n]."""
    concerned: BoolArray = np.any(list(reasons.values()), axis=0)
    return concerned


def first_reasons(reasons: dict[str, BoolArray]) -> dict[str, BoolArray]:
    """The same reasons, each thing left out for the first that applies to it only."""
    left = np.ones(len(next(iter(reasons.values()))), dtype=np.bool_)
    first = {}
    for reason, concerned in reasons.items():
        first[reason] = left & concerned
        left = left & ~concerned
    return first


def count_once(reasons: dict[str, BoolArray]) -> tuple[dict[str, int], BoolArray]:
    """Number of things left out for each reason, each counted only for its first; and a mask of the rest, bool [n]."""
    first = first_reasons(reasons)
    return {reason: int(concerned.sum()) for reason, concerned in first.items()}, ~any_reason(first)


def _parents(members: Members, chosen: BoolArray) -> BoolArray:
    affected = np.zeros(len(members.counts), dtype=np.bool_)
    affected[members.parents[chosen]] = True
    return affected
