"""Check what the footer of a parquet file says of its columns, before pyarrow takes it at its word.

pyarrow checks much of it only in accessors such as ``metadata.row_group(i).column(j)``. Their exceptions are C++ exceptions
that nothing catches: they end the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.thrift import MOST_NESTING, Struct, read_struct

# numbers of fields in parquet.thrift
_SCHEMA, _ROW_GROUPS = 2, 4
_TYPE, _TYPE_LENGTH, _REPETITION, _CHILDREN = 1, 2, 3, 5
_COLUMNS = 1
_ABOUT, _CRYPTO, _ENCRYPTED = 3, 8, 9
_COLUMN_TYPE, _STATISTICS, _SIZES = 1, 12, 16
_BOUNDS: Final = (1, 2, 5, 6)
_UNENCODED, _REPETITION_LEVELS, _DEFINITION_LEVELS = 1, 2, 3

_REQUIRED, _OPTIONAL, _REPEATED = 0, 1, 2
_BYTE_ARRAY, _FIXED = 6, 7
_BYTES: Final = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Of a value of each physical type."""


@dataclass(frozen=True)
class _Leaf:
    """A column of the schema: its physical type, bytes of a value if all have the same, and its highest levels."""

    kind: int
    length: int | None
    definition: int
    repetition: int


_checked: set[bytes] = set()
"""Digests of footers: a shard is opened again for every few row groups that are read of it."""


def check_footer(content: bytes) -> None:
    """Check that the columns of all row groups are those of the schema, and their statistics are possible.

    Parameters
    ----------
    content : bytes
        The footer, without its length and the bytes that mark the end of the file.

    Raises
    ------
    Refused
        If they are not, the footer is damaged, or columns are encrypted.
    """
    digest = hashlib.sha256(content).digest()
    if digest in _checked:
        return
    footer = read_struct(content)
    leaves = list(_leaves(iter(_structs(footer, _SCHEMA)), 0, 0, 0))
    for rows in _structs(footer, _ROW_GROUPS):
        columns = _structs(rows, _COLUMNS)
        if len(columns) != len(leaves):
            raise Refused(f"a row group has {len(columns)} columns, and its schema {len(leaves)}")
        for leaf, column in zip(leaves, columns, strict=True):
            _check_column(leaf, column)
    _checked.add(digest)


def _structs(struct: Struct, number: int) -> list[Struct]:
    found = struct.get(number, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Refused("its description is not that of a parquet file")
    return found


def _leaves(elements: Iterator[Struct], depth: int, definition: int, repetition: int) -> Iterator[_Leaf]:
    """The leaves below the next element; the schema is a tree, written parents first."""
    element = next(elements, None)
    if element is None or depth > MOST_NESTING:
        raise Refused("its schema is not a tree")
    if depth:
        repeats = _number(element.get(_REPETITION))
        if repeats not in (_REQUIRED, _OPTIONAL, _REPEATED):
            raise Refused("a column of its schema is neither required nor optional nor repeated")
        definition += repeats != _REQUIRED
        repetition += repeats == _REPEATED
    if not depth or element.get(_CHILDREN):
        for _ in range(_number(element.get(_CHILDREN, 0))):
            yield from _leaves(elements, depth + 1, definition, repetition)
        return
    kind = _number(element.get(_TYPE))
    if kind not in (*_BYTES, _BYTE_ARRAY, _FIXED):
        raise Refused("a column of its schema has a type that does not exist")
    length = _number(element.get(_TYPE_LENGTH)) if kind == _FIXED else _BYTES.get(kind)
    yield _Leaf(kind, length, definition, repetition)


def _check_column(leaf: _Leaf, column: Struct) -> None:
    about = column.get(_ABOUT)
    if _CRYPTO in column or _ENCRYPTED in column:
        raise Refused("its columns are encrypted")
    if not isinstance(about, dict) or _number(about.get(_COLUMN_TYPE)) != leaf.kind:
        raise Refused("a column is of another type than its schema says")
    statistics, sizes = about.get(_STATISTICS, {}), about.get(_SIZES, {})
    if not isinstance(statistics, dict) or not isinstance(sizes, dict):
        raise Refused("the statistics of a column are damaged")
    for bound in map(statistics.get, _BOUNDS):
        if (
            bound is not None
            and leaf.length is not None
            and not (isinstance(bound, bytes) and len(bound) == leaf.length)
        ):
            raise Refused("the statistics of a column have bounds of another size than its values")
    for number, highest in ((_REPETITION_LEVELS, leaf.repetition), (_DEFINITION_LEVELS, leaf.definition)):
        histogram = sizes.get(number) or []
        if not isinstance(histogram, list) or len(histogram) not in (0, highest + 1):
            raise Refused("the statistics of a column are of other levels than its schema has")
    if _UNENCODED in sizes and leaf.kind != _BYTE_ARRAY:
        raise Refused("the statistics of a column count the bytes of text, and it has numbers")


def _number(value: Any) -> int:
    if type(value) is not int:  # neither truth nor an integer of another size, which pyarrow passes over
        raise Refused("its schema is damaged")
    return value
