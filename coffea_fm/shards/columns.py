"""Convert between the packed form and the columns of a parquet table.

The fields of a row are plain columns such as ``jet.pt``. Those of its members are lists such as ``constituents.pt``,
and those of members of members are lists of lists such as ``FatJet.constituents.pt``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.tokens import Field, Level, Members, Packed
from coffea_fm.untrusted.refused import Refused

Get = Callable[[str], pa.Array]


def scalar_columns(schema: pa.Schema, level: Level) -> dict[str, str]:
    """Names of the columns with one number per row, without and with the prefix of the level's own fields."""
    prefix = f"{level.name}."
    return {name.removeprefix(prefix): name for name in schema.names if not pa.types.is_list(schema.field(name).type)}


def check_schema(schema: pa.Schema, level: Level, depth: int = 0, prefix: str = "") -> None:
    """Refuse a file whose columns are not those of its level: numbers, and lists of them as deep as the members.

    Raises
    ------
    Refused
        If a column is missing, or of another type.
    """
    if len(set(schema.names)) < len(schema.names):
        raise Refused("it has two columns of one name")
    for name in level.names:
        column = f"{prefix or f'{level.name}.'}{name}"
        if column not in schema.names:
            raise Refused(f"it has no column {column!r}")
        kind = schema.field(column).type
        for _ in range(depth):
            if not pa.types.is_list(kind):
                raise Refused(f"its column {column!r} has no lists")
            kind = kind.value_type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise Refused(f"its column {column!r} holds no numbers")
    for member in level.members:
        check_schema(schema, member, depth + 1, f"{prefix}{member.name}.")


def to_columns(packed: Packed, level: Level) -> dict[str, pa.Array]:
    """Convert packed rows to columns."""
    own = {f"{level.name}.{name}": array for name, array in _fields(packed, level).items()}
    return own | _member_columns(packed, level, "")


def from_table(table: pa.Table, level: Level) -> Packed:
    """Convert a table of one chunk to the packed form, with no more members than the level reads."""
    own = {name: table.column(f"{level.name}.{name}").combine_chunks() for name in level.names}
    return _packed(own, level, lambda name: table.column(name).combine_chunks(), "", table.num_rows)


def column_names(asked: Level, stored: Level, folder: Path) -> list[str]:
    """Names of the columns to read for a level from shards that store another level, or the same.

    Raises
    ------
    InputError
        If the shards hold other things, a field is missing, or they hold fewer members or in another order.
    """
    if asked.name != stored.name:
        raise InputError(
            f"the shards in {folder} hold {stored.name}s, but {asked.name}s were requested: "
            "change the inputs of the recipe, or collect again"
        )
    _require_fields(asked, stored, folder, stored.name)
    return [f"{asked.name}.{name}" for name in asked.names] + _member_names(asked, stored, folder, "")


def _member_names(asked: Level, stored: Level, folder: Path, prefix: str) -> list[str]:
    held = {member.name: member for member in stored.members}
    names = []
    for member in asked.members:
        path = prefix + member.name
        if member.name not in held:
            raise InputError(f"the shards in {folder} have no {path}: collect them again with {path}")
        _require_members(member, held[member.name], folder, path)
        names += [f"{path}.{name}" for name in member.names]
        names += _member_names(member, held[member.name], folder, f"{path}.")
    return names


def _require_fields(asked: Level, stored: Level, folder: Path, path: str) -> None:
    absent = [f"{path}.{name}" for name in asked.names if name not in stored.names]
    if absent:
        raise InputError(f"the shards in {folder} have no {', '.join(absent)}: collect them again with these fields")


def _require_members(asked: Level, stored: Level, folder: Path, path: str) -> None:
    _require_fields(asked, stored, folder, path)
    if asked.order != stored.order or (stored.maximum or np.inf) < (asked.maximum or np.inf):
        raise InputError(
            f"the shards in {folder} hold {_which(stored)} {path} by {stored.order}, not {_which(asked)} by "
            f"{asked.order}: collect them again, or request no more than is stored"
        )
    if asked.minimum != stored.minimum:
        raise InputError(
            f"the shards in {folder} were collected with at least {stored.minimum} {path}, not {asked.minimum}: "
            "request the same minimum, or collect them again"
        )


def _which(level: Level) -> str:
    return "all" if level.maximum is None else f"the first {level.maximum}"


def _fields(packed: Packed, level: Level) -> dict[str, pa.Array]:
    def column(index: int, field: Field) -> pa.Array:
        missing = packed.missing[:, level.missing_names.index(field.name)] if field.missing else None
        return pa.array(np.ascontiguousarray(packed.values[:, index]), mask=missing)

    return {field.name: column(index, field) for index, field in enumerate(level.fields)}


def _member_columns(packed: Packed, level: Level, prefix: str) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for member in level.members:
        members, path = packed.members[member.name], prefix + member.name
        offsets = pa.array(members.offsets.astype(np.int32))
        below = {f"{path}.{name}": array for name, array in _fields(members.things, member).items()}
        below |= _member_columns(members.things, member, f"{path}.")
        columns |= {name: pa.ListArray.from_arrays(offsets, array) for name, array in below.items()}
    return columns


def _packed(own: dict[str, pa.Array], level: Level, get: Get, prefix: str, n: int) -> Packed:
    values = np.empty((n, len(level.fields)), dtype=np.float32)
    missing = np.zeros((n, len(level.missing_names)), dtype=np.bool_)
    for index, field in enumerate(level.fields):
        values[:, index] = own[field.name].fill_null(0).to_numpy(zero_copy_only=False)
        if field.missing:
            missing[:, level.missing_names.index(field.name)] = _nulls(own[field.name])
    return Packed(
        values, missing, {member.name: _members(member, get, prefix + member.name) for member in level.members}
    )


def _members(level: Level, get: Get, path: str) -> Members:
    lists = {name: get(f"{path}.{name}") for name in level.names}
    any_list = get(f"{path}.{_any_column(level)}")
    counts: IntArray = np.diff(any_list.offsets.to_numpy().astype(np.int64))
    for name, array in lists.items():
        if array.null_count or not np.array_equal(np.diff(array.offsets.to_numpy()), counts):
            raise Refused(f"its column {path}.{name} has lists of other lengths than its other columns")
    own = {name: array.flatten() for name, array in lists.items()}
    things = _packed(own, level, lambda name: get(name).flatten(), f"{path}.", int(counts.sum()))
    members = Members(counts, things)
    return members if level.maximum is None else members.first(level.maximum)


def _any_column(level: Level) -> str:
    """A column of a level or of one below it, whose outermost lists are those of the level."""
    return level.names[0] if level.names else f"{level.members[0].name}.{_any_column(level.members[0])}"


def _nulls(numbers: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(numbers.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
