"""Change files a little: their bytes, their JSON or YAML values, or the fields of their protobuf messages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator

NUMBERS = (0, 1, -1, 2, 255, 256, 65535, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30)
TEXTS = (
    "",
    "\0",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a" * 5000,
    "\ud800",
    "é" * 50,
    "__class__",
    "{}",
    "%s%n",
    "~",
)
VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, 1e308, 1e-320, float("inf"), float("nan"), -0.0)
INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01\x00",
)


def mutate_bytes(data: bytes, rng: Rng, other: bytes = b"") -> bytes:
    """Flip, insert, remove, repeat or cut bytes, or put in a piece of another file; one to eight times."""
    changed = bytearray(data)
    for _ in range(int(2 ** rng.uniform(0, 3.2))):
        where = int(rng.integers(0, len(changed) + 1))
        length = int(2 ** rng.uniform(0, 8))
        match int(rng.integers(0, 9)):
            case 0 | 1 if changed:
                changed[where % len(changed)] ^= 1 << int(rng.integers(0, 8))
            case 2 if changed:
                changed[where % len(changed)] = int(rng.integers(0, 256))
            case 3:
                piece = INTERESTING[rng.integers(0, len(INTERESTING))]
                changed[where : where + len(piece)] = piece
            case 4:
                del changed[where : where + length]
            case 5:
                changed[where:where] = changed[where : where + length]
            case 6 if rng.random() < 0.3:
                del changed[where:]
            case 7 if other:
                start = int(rng.integers(0, len(other)))
                changed[where : where + length] = other[start : start + length]
            case _:
                changed[where:where] = rng.bytes(min(length, 16))
    return bytes(changed)


def mutate_tree(content: Any, rng: Rng) -> Any:
    """Replace, remove, repeat, rename or nest values in a tree of mappings and lists; one to three times."""
    tree = copy.deepcopy(content)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))):
        holders = list(_holders(tree))
        if not holders:
            return _value(rng, tree)
        # first the depth, then the place: else the long lists at the bottom take nearly all
        depth = rng.choice(sorted({depth for depth, _ in holders}))
        chosen = [holder for level, holder in holders if level == depth]
        _change(chosen[rng.integers(0, len(chosen))], rng, tree)
    return tree


def _holders(tree: Any, depth: int = 0) -> Any:
    if isinstance(tree, dict | list) and tree and depth < 50:
        yield depth, tree
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _holders(value, depth + 1)


def _change(holder: Any, rng: Rng, tree: Any) -> None:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = keys[rng.integers(0, len(keys))]
    match int(rng.integers(0, 10)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[str(TEXTS[rng.integers(0, len(TEXTS))])] = holder[key]
        case 1:
            holder.append(copy.deepcopy(holder[key]))
        case 2 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case 3:
            other = keys[rng.integers(0, len(keys))]
            holder[key], holder[other] = holder[other], holder[key]
        case 4:
            nested: Any = holder[key]
            for _ in range(int(10 ** rng.uniform(0, 2.5))):
                nested = [nested] if rng.random() < 0.5 else {"a": nested}
            holder[key] = nested
        case 5 if isinstance(holder, list):
            holder.extend(holder[: 2000 // len(holder) + 1] * int(rng.integers(1, 20)))
        case 6:
            holder[key] = copy.deepcopy(tree)
        case _:
            holder[key] = _value(rng, holder[key])


def _value(rng: Rng, old: Any) -> Any:
    kind = rng.random()
    if isinstance(old, bool) or kind < 0.2:
        return VALUES[rng.integers(0, len(VALUES))]
    if isinstance(old, int | float) and kind < 0.9:
        if rng.random() < 0.5:
            return type(old)(old * rng.choice([0, -1, 2, 10, 1000, 1e9]))
        return NUMBERS[rng.integers(0, len(NUMBERS))]
    if isinstance(old, str) and kind < 0.7:
        return mutate_bytes(old.encode("utf-8", "surrogatepass"), rng).decode("latin-1")
    if kind < 0.85:
        return TEXTS[rng.integers(0, len(TEXTS))]
    return NUMBERS[rng.integers(0, len(NUMBERS))]


def mutate_protobuf(data: bytes, rng: Rng, depth: int = 0) -> bytes:
    """Change one field of a protobuf message, at any depth: its number, its value, or how often it is there.

    What looks like a message is taken for one, as no types are known.
    """
    fields = _fields(data)
    if not fields:
        return mutate_bytes(data, rng)
    index = int(rng.integers(0, len(fields)))
    number, kind, value = fields[index]
    if kind == 2 and depth < 12 and len(value) > 2 and _fields(value) and rng.random() < 0.85:
        fields[index] = (number, kind, mutate_protobuf(value, rng, depth + 1))
        return b"".join(map(_field, fields))
    match int(rng.integers(0, 7)):
        case 0:
            del fields[index]
        case 1:
            fields.insert(index, fields[rng.integers(0, len(fields))])
        case 2:
            fields[index] = (int(rng.integers(1, 40)), kind, value)
        case 3:
            other = int(rng.integers(0, len(fields)))
            fields[index], fields[other] = fields[other], fields[index]
        case 4 if kind == 0:
            fields[index] = (number, 0, int(NUMBERS[rng.integers(0, len(NUMBERS))]) % 2**64)
        case 5 if kind == 2:
            fields[index:index] = [fields[index]] * int(2 ** rng.uniform(0, 10))
        case _:
            changed = mutate_bytes(value, rng) if kind == 2 else value
            fields[index] = (number, kind, changed if kind == 2 else int(rng.integers(0, 300)))
    return b"".join(map(_field, fields))


def _fields(data: bytes) -> list[tuple[int, int, Any]]:
    """Fields of a message; empty if it is none."""
    fields: list[tuple[int, int, Any]] = []
    position = 0
    try:
        while position < len(data):
            tag, position = _varint(data, position)
            number, kind = tag >> 3, tag & 7
            if kind == 0:
                value, position = _varint(data, position)
                fields.append((number, kind, value))
                continue
            size = {1: 8, 5: 4}.get(kind, -1)
            if kind == 2:
                size, position = _varint(data, position)
            if size < 0 or position + size > len(data) or number == 0:
                return []
            fields.append((number, kind, data[position : position + size]))
            position += size
    except IndexError:
        return []
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7


def _field(field: tuple[int, int, Any]) -> bytes:
    number, kind, value = field
    tag = _encoded(number << 3 | kind)
    if kind == 0:
        return tag + _encoded(value)
    return tag + (_encoded(len(value)) if kind == 2 else b"") + value


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def one_of(rng: Rng, *ways: Callable[[], Any]) -> Any:
    """The result of one of several functions."""
    return ways[int(rng.integers(0, len(ways)))]()
