"""Read messages in Thrift's compact protocol, as the footers of parquet files are: no classes, no code, bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from coffea_fm.untrusted.refused import Refused

MOST_NESTING: Final = 32
MOST_ELEMENTS: Final = 1_000_000
"""Of a list; as many as pyarrow allows."""
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_I16, _I32, _I64 = 4, 5, 6
_BITS: Final = {_I16: 16, _I32: 32, _I64: 64}

Struct = dict[int, Any]
"""Values of the fields by their numbers: int (`OtherInteger` unless of 32 bits), bool, bytes, list, or another struct."""


class OtherInteger(int):
    """An integer of 16 or 64 bits, which other readers pass over where 32 are expected."""


def read_struct(content: bytes) -> Struct:
    """Read a struct with all that is in it.

    Raises
    ------
    Refused
        If it ends too early, is nested deeper than `MOST_NESTING`, has a field twice, which other readers merge, or
        something that does not exist.
    """
    try:
        return _Reader(content).struct(0)
    except IndexError:
        raise Refused("its description ends too early") from None


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0
        self._readers: dict[int, Callable[[int], Any]] = {
            _TRUE: lambda _: True,
            _FALSE: lambda _: False,
            _BYTE: lambda _: self._byte(),
            _DOUBLE: lambda _: self._bytes(8),
            _BINARY: lambda _: self._bytes(self._varint()),
            _LIST: self._list,
            _SET: self._list,
            _MAP: self._map,
            _STRUCT: self.struct,
            _I16: lambda _: OtherInteger(self._integer(_I16)),
            _I32: lambda _: self._integer(_I32),
            _I64: lambda _: OtherInteger(self._integer(_I64)),
        }

    def struct(self, depth: int) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer(_I16)
            if number in fields:
                raise Refused("its description has a field twice")
            fields[number] = self._value(head & 0xF, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth >= MOST_NESTING:
            raise Refused("its description is nested too deeply")
        if kind not in self._readers:
            raise Refused(f"its description has a value of the unknown type {kind}")
        return self._readers[kind](depth + 1)

    def _element(self, kind: int, depth: int) -> Any:
        """A value in a list or map, where truth takes a byte; in a struct it is told by the type of the field."""
        return self._byte() == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 0xF
        if size == 0xF:
            size = self._varint()
        self._check_count(size)
        return [self._element(kind, depth) for _ in range(size)]

    def _map(self, depth: int) -> list[Any]:
        size = self._varint()
        self._check_count(size)
        kinds = self._byte() if size else 0
        return [(self._element(kinds >> 4, depth), self._element(kinds & 0xF, depth)) for _ in range(size)]

    def _check_count(self, size: int) -> None:
        """Each element takes a byte at least."""
        self._check_size(size)
        if size > MOST_ELEMENTS:
            raise Refused(f"its description has a list of {size:,} elements, more than {MOST_ELEMENTS:,}")

    def _check_size(self, size: int) -> None:
        if size > len(self._content) - self._at:
            raise IndexError

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._check_size(size)
        self._at += size
        return self._content[self._at - size : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise Refused("its description has an integer of more than 64 bits")

    def _integer(self, kind: int) -> int:
        value = self._varint()
        if value >> _BITS[kind]:
            raise Refused(f"its description has an integer of more than {_BITS[kind]} bits")
        return (value >> 1) ^ -(value & 1)
