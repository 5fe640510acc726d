"""Ranges of the training data, for the manifest."""

from __future__ import annotations

import math
from dataclasses import replace

from coffea_fm.arrays import FloatArray
from coffea_fm.tokens import Level, Packed
from coffea_fm.tokens.fields import Field


def with_trained_ranges(level: Level, packed: Packed) -> Level:
    """Add the range of each field in these things to the level, rounded outwards; angles have no range.

    Tokens have no ranges either: their distributions have long tails, and a single outlier is no reason to distrust a
    score.
    """
    if not level.members:
        return level
    members = tuple(with_trained_ranges(member, packed.members[member.name].things) for member in level.members)
    return replace(level, fields=_with_ranges(level.fields, packed.values), members=members)


def _with_ranges(fields: tuple[Field, ...], values: FloatArray) -> tuple[Field, ...]:
    """Add the range of its column to each field."""
    ranged = []
    for field, column in zip(fields, values.T, strict=True):
        trained = (0.0 - _round_up(-float(column.min())), _round_up(float(column.max())))
        ranged.append(field if field.unit == "rad" else replace(field, trained=trained))
    return tuple(ranged)


def _round_up(value: float) -> float:
    """Round up to two significant digits."""
    if value == 0.0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    return round(math.ceil(value * 10.0**digits) * 10.0**-digits, digits)
