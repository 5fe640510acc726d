"""Open parquet files with bounded metadata, and bound what is read of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from coffea_fm.errors import first_line
from coffea_fm.untrusted.local_files import check_file
from coffea_fm.untrusted.parquet_footer import check_footer
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 2**40
MOST_METADATA: Final = 64 * 2**20
"""Footer of a file; that of a shard is a few kB."""
MOST_AT_ONCE: Final = 2**29
"""Bytes of the columns that are read in one call, decoded."""
_NUMBER: Final = 8
_MOST_CONTAINER: Final = 1_000_000
_TAIL: Final = 8


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a local parquet file; its columns are not read yet.

    Raises
    ------
    Refused
        If it is not one, its footer is larger than the file or than `MOST_METADATA`, or contradicts itself.
    OSError
        If it cannot be read.
    """
    size = check_file(path, MOST_BYTES)
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        tail = file.read(_TAIL)
        footer = int.from_bytes(tail[:4], "little")
        if tail[4:] != b"PAR1" or footer > min(MOST_METADATA, size - _TAIL):
            raise Refused("it does not end as parquet files do")
        file.seek(size - _TAIL - footer)
        check_footer(file.read(footer))
    try:
        return pq.ParquetFile(path, thrift_string_size_limit=MOST_METADATA, thrift_container_size_limit=_MOST_CONTAINER)
    except UnicodeDecodeError as error:
        raise Refused("it has a column whose name is not valid text") from error
    except pa.ArrowException as error:
        raise Refused(f"its description is damaged ({first_line(error)})") from error


def read_row_groups(file: pq.ParquetFile, groups: Iterable[int], columns: Iterable[str]) -> pa.Table:
    """Read columns of row groups.

    Raises
    ------
    Refused
        If they are damaged, or larger than `MOST_AT_ONCE` when decoded, by what the file says.
    """
    chosen, names = list(groups), list(columns)
    try:
        size = sum(_size(file.metadata.row_group(index), set(names)) for index in chosen)
    except UnicodeDecodeError as error:
        raise Refused("it has a column whose name is not valid text") from error
    if size > MOST_AT_ONCE:
        raise Refused(f"{len(chosen)} of its row groups would need more than {MOST_AT_ONCE >> 20} MiB")
    try:
        table = file.read_row_groups(chosen, columns=names)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"its columns are damaged ({first_line(error)})") from error
    return table


def _size(rows: pq.RowGroupMetaData, wanted: set[str]) -> int:
    """Bytes that these columns of a row group say they need."""
    size = _NUMBER * int(rows.num_rows)
    for column in map(rows.column, range(rows.num_columns)):
        if column.path_in_schema.partition(".list.")[0] in wanted or column.path_in_schema in wanted:
            size += max(column.total_uncompressed_size, _NUMBER * column.num_values, 0)
    return size
