"""Limits for levels that come from files: manifests, checkpoints and shards."""

from __future__ import annotations

from typing import Final

from coffea_fm.tokens.levels import Level

MOST_LEVELS: Final = 50
MOST_FIELDS: Final = 20_000
"""Columns of one level; each component of a stored vector is one."""
MOST_MEMBERS: Final = 1_000_000


def check_level(level: Level) -> None:
    """Refuse a tree of levels that no schema can fill.

    Raises
    ------
    ValueError
        If there are too many levels or fields, a name is there twice, the order is that of an unknown field, or the
        limits on the number of things contradict each other.
    """
    names: set[str] = set()
    for part in level.walk():
        if part.name in names or len(names) >= MOST_LEVELS:
            raise ValueError(f"the level {part.name[:80]!r} is there twice, or there are more than {MOST_LEVELS}")
        names.add(part.name)
        _check_fields(part)
        most = MOST_MEMBERS if part.maximum is None else part.maximum
        if not 0 <= part.minimum <= most <= MOST_MEMBERS or most < 1:
            raise ValueError(
                f"{part.name[:80]}: the minimum is {part.minimum} and the maximum {part.maximum}, and they must be in "
                f"order and no more than {MOST_MEMBERS}"
            )


def _check_fields(level: Level) -> None:
    if len(level.fields) > MOST_FIELDS:
        raise ValueError(f"{level.name[:80]} has more than {MOST_FIELDS} fields")
    if len(set(level.names)) < len(level.names):
        raise ValueError(f"{level.name[:80]} has two fields of the same name")
    if level.order not in ("stored", *level.names):
        raise ValueError(f"{level.name[:80]} is ordered by {level.order[:80]!r}, which is not among its fields")
