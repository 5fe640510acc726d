"""Parquet columns to the packed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from coffea_fm.errors import InputError
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup
from coffea_fm.tokens.jagged import IntArray, offsets_of, ranges


def scalar_columns(schema: pa.Schema) -> dict[str, str]:
    """Names of what a shard stores once a jet, without and with the prefix ``jet.`` that jet fields have."""
    return {name.removeprefix("jet."): name for name in schema.names if not pa.types.is_list(schema.field(name).type)}


def select(spec: InputSpec, stored: InputSpec, folder: Path) -> list[str]:
    """Names of the token columns to read for `spec` from shards that hold `stored`.

    Raises
    ------
    InputError
        If the shards lack a field, hold fewer tokens or another order, or another jet momentum.
    """
    by_name = {group.name: group for group in stored.groups}
    names = []
    lacking = [f"jet.{name}" for name in spec.jet_names if name not in stored.jet_names]
    for group in spec.groups:
        names += [f"{group.name}.{name}" for name in group.names]
        held = by_name.get(group.name)
        if held is None:
            raise InputError(f"the shards in {folder} have no {group.name}: collect them again with them")
        lacking += [f"{group.name}.{name}" for name in group.names if name not in held.names]
        if group.order != held.order or group.max_tokens > held.max_tokens:
            raise InputError(
                f"the shards in {folder} hold the first {held.max_tokens} {group.name} by {held.order}, not the first "
                f"{group.max_tokens} by {group.order}: collect them again, or ask for no more"
            )
    if lacking:
        raise InputError(f"the shards in {folder} have no {', '.join(lacking)}: collect them again with them")
    if spec.jet and spec.momentum != stored.momentum:
        raise InputError(f"the shards in {folder} hold the {stored.momentum} jet momentum, not the {spec.momentum} one")
    return names


def packed_sets(table: pa.Table, spec: InputSpec) -> PackedSets:
    """The packed form of a table in one chunk."""
    groups = {group.name: _packed_tokens(table, group) for group in spec.groups}
    jet = np.empty((table.num_rows, len(spec.jet)), dtype=np.float32)
    for index, name in enumerate(spec.jet_names):
        jet[:, index] = table.column(f"jet.{name}").to_numpy()
    return PackedSets(groups, jet)


def _packed_tokens(table: pa.Table, group: TokenGroup) -> PackedTokens:
    lists = [table.column(f"{group.name}.{name}").combine_chunks() for name in group.names]
    offsets = lists[0].offsets.to_numpy().astype(np.int64)
    lengths: IntArray = np.diff(offsets)
    values = np.empty((int(lengths.sum()), len(group.fields)), dtype=np.float32)
    missing = np.zeros((len(values), len(group.missing_names)), dtype=np.bool_)
    for index, (field, column) in enumerate(zip(group.fields, lists, strict=True)):
        numbers = column.flatten()
        values[:, index] = numbers.fill_null(0).to_numpy(zero_copy_only=False)
        if field.missing:
            missing[:, group.missing_names.index(field.name)] = _nulls(numbers)
    if lengths.max(initial=0) <= group.max_tokens:
        return PackedTokens(values, lengths, missing)
    kept = np.minimum(lengths, group.max_tokens)
    rows = ranges(offsets_of(lengths)[:-1], kept)
    return PackedTokens(values[rows], kept, missing[rows])


def _nulls(numbers: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(numbers.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
