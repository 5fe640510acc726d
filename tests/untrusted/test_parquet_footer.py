"""Footers that pyarrow would read otherwise than they look, or that would take much memory."""

from __future__ import annotations

import pytest

from coffea_fm.untrusted.parquet_footer import check_footer
from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.thrift import MOST_ELEMENTS, MOST_NESTING, OtherInteger, read_struct

LIST_OF_LISTS = b"\x19" * (MOST_NESTING + 3)


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def schema(kind: bytes) -> bytes:
    """A footer whose schema has one required column of a physical type, and no row group."""
    root, leaf = b"\x55\x02\x00", b"\x15" + kind + b"\x25\x00\x00"
    return b"\x29\x2c" + root + leaf + b"\x00"


def test_a_schema_is_read():
    assert read_struct(schema(b"\x02")) == {2: [{5: 1}, {1: 1, 3: 0}]}
    check_footer(schema(b"\x02"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (schema(varint(2 * (2**32 + 1))), "more than 32 bits"),
        (schema(varint(2 * 9)), "a type that does not exist"),
        (b"\x15\x02\x05\x02\x02\x00", "a field twice"),
        (LIST_OF_LISTS, "nested too deeply"),
        (b"\x1c" * (MOST_NESTING + 1), "nested too deeply"),
        (b"\x19\xf1" + varint(MOST_ELEMENTS + 1) + bytes(MOST_ELEMENTS + 2), "more than 1,000,000"),
        (b"\x1b" + varint(1000) + b"\x11" + bytes(10), "ends too early"),
        (
            b"\x29\x2c\x56\x02\x00\x15\x02\x25\x00\x00\x00",
            "its schema is damaged",
        ),  # the number of children has 64 bits
    ],
    ids=["wide type", "unknown type", "twice", "lists", "structs", "long", "map of truth", "wide children"],
)
def test_what_other_readers_see_otherwise_is_refused(content: bytes, words: str):
    with pytest.raises(Refused, match=words):
        check_footer(content)


def test_integers_of_other_sizes_are_told_apart():
    assert {number: type(value) for number, value in read_struct(b"\x14\x02\x15\x02\x16\x02\x00").items()} == {
        1: OtherInteger,
        2: int,
        3: OtherInteger,
    }


def test_truth_in_a_map_takes_a_byte():
    assert read_struct(b"\x1b\x02\x11\x01\x02\x02\x01\x00") == {1: [(True, False), (False, True)]}
