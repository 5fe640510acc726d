"""Read a folder of shards as one data set, a few row groups at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from coffea_fm.arrays import BoolArray
from coffea_fm.errors import InputError
from coffea_fm.shards.columns import check_schema, column_names, from_table, scalar_columns
from coffea_fm.shards.metadata import ShardMetadata, Source, read_metadata
from coffea_fm.tokens import Level, Packed
from coffea_fm.untrusted.parquet import open_parquet, read_row_groups
from coffea_fm.untrusted.refused import Refused

Columns = dict[str, npt.NDArray[Any]]
TARGET = "target"


@dataclass(frozen=True)
class RowGroup:
    """A few thousand rows (jets or events) that are read together.

    Parameters
    ----------
    path : Path
        The shard.
    index : int
        Index of the row group in the shard.
    n_sets : int
        Number of its rows that are read.
    targets : tuple of int
        Smallest and largest class index in it.
    """

    path: Path
    index: int
    n_sets: int
    targets: tuple[int, int]


class ShardDataset:
    """All shards of a folder.

    Parameters
    ----------
    folder : path-like
        Folder of ``*.parquet`` files written by `write_shard`.
    level : Level, optional
        What to read for each row: fields and members stored in the shards, and at most the stored number of members.
        By default everything that is stored.
    chosen : bool array of shape [n_rows], optional
        Which rows to read, in the order of the shards; all by default.

    Attributes
    ----------
    level, stored : Level
        What is read, and what the shards store.
    classes : tuple of str
        Names of the classes that ``target`` indexes.
    row_groups : list of RowGroup
        In the order of the shards.

    Raises
    ------
    InputError
        If there are no shards, they are not of the same kind, two of them hold the same entries of a file, or
        something that `level` requests is missing.
    """

    def __init__(
        self, folder: str | os.PathLike[str], level: Level | None = None, chosen: BoolArray | None = None
    ) -> None:
        self.folder = Path(folder)
        paths = sorted(self.folder.glob("*.parquet"))
        if not paths:
            raise InputError(f"no shards (*.parquet) in {self.folder}: make them with 'coffea-fm collect'")
        self.row_groups: list[RowGroup] = []
        described: dict[Path, ShardMetadata] = {}
        scalars: dict[Path, dict[str, str]] = {}
        for path in paths:
            described[path], scalars[path], row_groups = _describe(path)
            self.row_groups += row_groups
        first = described[paths[0]]
        for path, metadata in described.items():
            if _kind(metadata, scalars[path]) != _kind(first, scalars[paths[0]]):
                raise InputError(
                    f"{path} has other columns or classes than {paths[0].name}: keep them in different folders"
                )
        _refuse_overlaps(described)
        self.stored = first.level
        self.level = level or first.level
        self.classes = first.classes
        self._names = column_names(self.level, self.stored, self.folder)
        self._scalars = scalars[paths[0]]
        self._paths = paths
        self.chosen = chosen
        self._kept: dict[tuple[Path, int], BoolArray] = {}
        self._more: dict[RowGroup, Columns] = {}
        if chosen is not None:
            self._choose(chosen)

    def _choose(self, chosen: BoolArray) -> None:
        ends = np.cumsum([group.n_sets for group in self.row_groups])
        parts = np.split(chosen, ends[:-1])
        self._kept = {(group.path, group.index): part for group, part in zip(self.row_groups, parts, strict=True)}
        self.row_groups = [
            replace(group, n_sets=int(part.sum()))
            for group, part in zip(self.row_groups, parts, strict=True)
            if part.any()
        ]

    def whole(self) -> ShardDataset:
        """The same data set with all its rows."""
        return ShardDataset(self.folder, self.level)

    def with_columns(self, columns: Columns) -> Self:
        """The same data set with further columns [n_rows, ...] in memory, in the order of ``row_groups``."""
        n_rows = sum(group.n_sets for group in self.row_groups)
        for name, column in columns.items():
            if len(column) != n_rows:
                raise InputError(
                    f"the column {name!r} has {len(column)} rows, and the shards in {self.folder} have {n_rows}"
                )
        extended = copy(self)
        ends = np.cumsum([group.n_sets for group in self.row_groups])[:-1]
        parts = {name: np.split(column, ends) for name, column in columns.items()}
        more = {
            group: {name: part[index] for name, part in parts.items()} for index, group in enumerate(self.row_groups)
        }
        extended._more = {group: self._more.get(group, {}) | more[group] for group in more}
        return extended

    @property
    def n_sets(self) -> int:
        """Number of rows that are read from all shards."""
        return sum(group.n_sets for group in self.row_groups)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when shards are added or removed, their numbers of rows change, or other rows are chosen."""
        text = "\n".join(f"{group.path.name} {group.index} {group.n_sets} {group.targets}" for group in self.row_groups)
        return sha256(text.encode() + (b"" if self.chosen is None else self.chosen.tobytes())).hexdigest()

    def content(self) -> bytes:
        """SHA-256 of each shard that is read, one after the other: changes with any byte of them."""
        paths = dict.fromkeys(group.path for group in self.row_groups)
        return b"".join(sha256(path.read_bytes()).digest() for path in paths)

    def read(self, row_groups: Sequence[RowGroup]) -> tuple[Packed, Columns]:
        """Read the rows of these row groups, in this order.

        Returns
        -------
        packed : Packed
            The level that is read.
        columns : dict of str to array of shape [n_rows]
            All columns with one number per row, whether requested or not: ``target``, ``weight``, ``pt_raw``, ... And
            those of `with_columns`.
        """
        tables = []
        wanted = list(dict.fromkeys([*self._names, *self._scalars.values()]))
        for path, chosen in groupby(row_groups, key=lambda group: group.path):
            tables.append(_read(path, [group.index for group in chosen], wanted))
        table = pa.concat_tables(tables).combine_chunks()
        if self._kept:
            kept = np.concatenate([self._kept[group.path, group.index] for group in row_groups])
            table = table.filter(pa.array(kept)).combine_chunks()
        columns = {name: table.column(column).to_numpy() for name, column in self._scalars.items()}
        if self._more:
            more = [self._more[group] for group in row_groups]
            columns |= {name: np.concatenate([part[name] for part in more]) for name in more[0]}
        try:
            return from_table(table, self.level), columns
        except Refused as error:
            raise InputError(f"shards in {self.folder} are damaged ({error}): collect them again") from error

    def __iter__(self) -> Iterator[tuple[Packed, Columns]]:
        for group in self.row_groups:
            yield self.read([group])

    @property
    def scalar_names(self) -> tuple[str, ...]:
        """Names of the columns with one number per row."""
        return tuple(self._scalars)

    def scalars(self, *names: str) -> Columns:
        """Read whole columns with one number per row, by name.

        Raises
        ------
        InputError
            If the shards have no such column.
        """
        for name in names:
            if name not in self._scalars:
                raise InputError(f"the shards in {self.folder} have no column {name!r}: collect them again with it")
        wanted = [self._scalars[name] for name in names]
        table = pa.concat_tables([_read(path, None, wanted) for path in self._paths])
        columns = {name: table.column(self._scalars[name]).to_numpy() for name in names}
        return columns if self.chosen is None else {name: column[self.chosen] for name, column in columns.items()}


def _kind(metadata: ShardMetadata, scalars: dict[str, str]) -> object:
    return metadata.level, metadata.classes, scalars


def _open(path: Path) -> pq.ParquetFile:
    try:
        return open_parquet(path)
    except (Refused, OSError) as error:
        raise InputError(f"{path} cannot be read as parquet ({error}): delete it and collect again") from error


def _read(path: Path, row_groups: list[int] | None, columns: list[str]) -> pa.Table:
    with _open(path) as file:
        chosen = range(file.num_row_groups) if row_groups is None else row_groups
        try:
            return read_row_groups(file, chosen, columns)
        except Refused as error:
            raise InputError(f"{path} is damaged ({error}): delete it and collect again") from error


def _describe(path: Path) -> tuple[ShardMetadata, dict[str, str], list[RowGroup]]:
    """What the footer of a shard says: its metadata, its columns with one number per row, and its row groups."""
    with _open(path) as file:
        parquet = file.metadata
        metadata = read_metadata(path, parquet)
        try:
            schema = parquet.schema.to_arrow_schema()
            check_schema(schema, metadata.level)
            return metadata, scalar_columns(schema, metadata.level), _row_groups(path, parquet)
        except (Refused, pa.ArrowException, UnicodeDecodeError) as error:
            raise InputError(f"{path} is damaged ({error}): delete it and collect again") from error


def _row_groups(path: Path, parquet: pq.FileMetaData) -> list[RowGroup]:
    names = [parquet.schema.column(index).path for index in range(parquet.num_columns)]
    if TARGET not in names:
        raise Refused(f"it has no column {TARGET!r}")
    groups = []
    for index in range(parquet.num_row_groups):
        rows = parquet.row_group(index)
        statistics = rows.column(names.index(TARGET)).statistics
        if statistics is None or not isinstance(statistics.min, int) or not isinstance(statistics.max, int):
            raise Refused(f"it does not say the range of the column {TARGET!r}")
        groups.append(RowGroup(path, index, rows.num_rows, (statistics.min, statistics.max)))
    return groups


def _refuse_overlaps(described: dict[Path, ShardMetadata]) -> None:
    by_entry = sorted(described.items(), key=lambda item: (item[1].source.file, item[1].source.start))
    for (path, metadata), (next_path, following) in pairwise(by_entry):
        source, after = metadata.source, following.source
        if source.file == after.file and after.start < source.stop:
            raise InputError(
                f"{path.name} and {next_path.name} hold the same entries of {_files(source, after)}: "
                f"empty {path.parent} and collect again, each file once and with one chunk size"
            )


def _files(source: Source, after: Source) -> str:
    if source.path == after.path:
        return source.path or source.file
    return f"one file, {source.path} and {after.path}, which have the same UUID"
