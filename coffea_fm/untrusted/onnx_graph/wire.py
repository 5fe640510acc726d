"""Walk over a protobuf message without its classes: field numbers, kinds, and where the bytes are.

The encoding: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from coffea_fm.untrusted.refused import Refused

VARINT: Final = 0
LENGTH: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_LONGEST_VARINT: Final = 10

Value = int | memoryview


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in order: an unsigned integer, or bytes.

    Raises
    ------
    Refused
        If the bytes are not a protobuf message.
    """
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise _damaged()
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == LENGTH:
            size, position = _varint(message, position)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:  # groups, which no version of ONNX has
            raise _damaged()
        if size > end - position:
            raise _damaged()
        yield number, message[position : position + size]
        position += size


def varints(packed: Value) -> list[int]:
    """The numbers of a repeated integer field, packed or a single one."""
    if isinstance(packed, int):
        return [packed]
    numbers, position = [], 0
    while position < len(packed):
        number, position = _varint(packed, position)
        numbers.append(number)
    return numbers


def text(value: Value) -> str:
    """A field that is text."""
    if isinstance(value, int):
        raise _damaged()
    return bytes(value).decode("utf-8", "replace")


def submessage(value: Value) -> memoryview:
    """A field that is a message."""
    if isinstance(value, int):
        raise _damaged()
    return value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    number = shift = 0
    for place in range(position, min(position + _LONGEST_VARINT, len(message))):
        byte = message[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise _damaged()


def _damaged() -> Refused:
    return Refused("it is not an ONNX file, or it is damaged")
