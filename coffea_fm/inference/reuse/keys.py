"""Keys that are equal for things from which a model reads the same: by content, or by where their members are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import IntArray
from coffea_fm.inference.reuse.memory import Key
from coffea_fm.tokens import Level, Packed
from coffea_fm.tokens.jagged import Rows, offsets_of
from coffea_fm.tokens.pack import pack_rows

_SIZE = 16
"""Bytes of a digest: two different jets have the same with a probability of 1e-38."""


def content_keys(packed: Packed) -> list[Key]:
    """A digest of all that is packed of each thing, with its members."""
    numbers = [_bytes(members.counts.reshape(-1, 1)) for members in packed.members.values()]
    own = np.hstack([_bytes(packed.values), packed.missing.view(np.uint8), *numbers])
    digests = [blake2b(row, digest_size=_SIZE) for row in _rows(own)]
    for members in packed.members.values():
        ends = members.offsets.tolist()
        for block in (_bytes(members.things.values), members.things.missing):
            data, width = np.ascontiguousarray(block).tobytes(), block.shape[1]
            for digest, start, stop in zip(digests, ends, ends[1:], strict=False):
                digest.update(data[start * width : stop * width])
    return [digest.digest() for digest in digests]


def stored_keys(rows: Rows, level: Level) -> list[Key]:
    """Where the members of each thing are stored in memory, and the values of its own fields.

    They take a hundredth of the time of packing. Two things have the same key only if their members are the same numbers
    in memory, so compare only keys of arrays that exist at the same time.

    Parameters
    ----------
    rows : Rows
        Things such as jets, under no lists.
    level : Level
        What is read of them; members without members.
    """
    own = pack_rows(rows, replace(level, members=()))
    parts = [_bytes(own.values), own.missing.view(np.uint8)]
    for member in level.members:
        parts += _places(rows.field(member.name), member)
    return _rows(np.hstack(parts))


def _places(lists: Rows, member: Level) -> Iterator[npt.NDArray[np.uint8]]:
    """The first member of each thing and their number, or a digest of where each is; and the buffers."""
    lists, has_list = lists.valid()
    counts = np.zeros(len(has_list), dtype=np.int64)
    members, counts[has_list] = lists.lists()
    members, valid = members.valid()
    if not valid.all():
        parents = np.repeat(np.arange(len(counts)), counts)
        counts = np.bincount(parents[valid], minlength=len(counts)).astype(np.int64)
    offsets = offsets_of(counts)
    yield _bytes(np.stack([_runs(members.index, offsets), counts], axis=1))
    buffers = [
        _buffers(members.layout.content(name))
        for name in dict.fromkeys((*member.names, member.order))
        if name in members.layout.fields
    ]
    digest = blake2b(repr(buffers).encode(), digest_size=_SIZE).digest()
    yield np.broadcast_to(np.frombuffer(digest, dtype=np.uint8), (len(counts), _SIZE))


def _runs(index: IntArray, offsets: IntArray) -> IntArray:
    """For each list of indices a number that tells it: the first one, or a hash if they are not consecutive."""
    starts, stops = offsets[:-1], offsets[1:]
    first = np.full(len(starts), -1, dtype=np.int64)
    some = stops > starts
    first[some] = index[starts[some]]
    jumps = np.flatnonzero(np.diff(index) != 1) + 1
    inside = np.setdiff1d(jumps, starts, assume_unique=False)
    for row in np.unique(np.searchsorted(offsets, inside, side="right") - 1):
        digest = blake2b(index[starts[row] : stops[row]].tobytes(), digest_size=8).digest()
        first[row] = -2 - (int.from_bytes(digest, "little") >> 2)
    return first


def _buffers(layout: Any) -> Any:
    """Addresses and types of the buffers of a column."""
    if layout.is_unknown:  # a column in which all is None
        return []
    if layout.is_numpy:
        return _address(layout.data)
    parts = [
        _address(getattr(layout, name).data)
        for name in ("index", "mask", "offsets", "starts", "stops")
        if hasattr(layout, name)
    ]
    below = layout.contents if layout.is_record or layout.is_union else [layout.content]
    return [type(layout).__name__, parts, [_buffers(content) for content in below]]


def _address(data: Any) -> Any:
    array = np.asarray(data.materialize() if hasattr(data, "materialize") else data)
    about: Mapping[str, Any] = array.__array_interface__
    return about["data"][0], array.shape, array.strides, array.dtype.str


def _bytes(matrix: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bytes of each row of a matrix."""
    return np.ascontiguousarray(matrix).view(np.uint8).reshape(len(matrix), matrix.shape[1] * matrix.itemsize)


def _rows(matrix: npt.NDArray[np.uint8]) -> list[Key]:
    width = matrix.shape[1]
    data = np.ascontiguousarray(matrix).tobytes()
    return [data[start : start + width] for start in range(0, len(data), width)] if width else [b""] * len(matrix)
