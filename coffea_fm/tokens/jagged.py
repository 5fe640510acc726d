"""Follow rows through jagged layouts by index, and put results back under their lists and options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError

Content = Any
Rewrap = Callable[[Content], ak.Array]


@dataclass(frozen=True)
class Rows:
    """Rows of a layout, as an index into its content. Only the index is copied.

    Parameters
    ----------
    layout : awkward.contents.Content
        The content that the index points into.
    index : int64 array of shape [n_rows]
        Indices of the elements, in order.
    """

    layout: Content
    index: IntArray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: IntArray) -> Rows:
        """Some of the rows, in this order."""
        return Rows(self.layout, self.index[rows])

    def field(self, name: str) -> Rows:
        """The same rows of one field of a record."""
        return Rows(self.layout.content(name), self.index)

    def valid(self) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """The rows that are not None below any option and index, and a mask of these rows (bool [n_rows])."""
        layout, index = self.layout, self.index
        valid = np.ones(len(index), dtype=np.bool_)
        while layout.is_option or layout.is_indexed:
            if layout.is_option:
                layout = layout.to_IndexedOptionArray64()
            index = _data(layout.index)[index]
            layout = layout.content
            valid_here = index >= 0
            if not valid_here.all():
                valid[valid] = valid_here
                index = index[valid_here]
        return Rows(layout, index), valid

    def lists(self) -> tuple[Rows, IntArray]:
        """The rows of the content of a list, and the length of each list (int64 [n_rows])."""
        layout = self.layout
        if layout.is_regular:
            counts = np.full(len(self.index), layout.size, dtype=np.int64)
            starts = self.index * layout.size
        else:
            starts = _data(layout.starts)[self.index]
            counts = _data(layout.stops)[self.index] - starts
        return Rows(layout.content, ranges(starts, counts)), counts

    def values(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """The numbers of a leaf, 0 where None, and a mask of the None (both [n_rows])."""
        rows, valid = self.valid()
        if not (rows.layout.is_numpy or rows.layout.is_unknown):
            raise InputError(f"expected one number for each row, found {self.layout.form.type}")
        found = np.asarray(ak.to_numpy(rows.layout))[rows.index]
        if valid.all():
            return found, ~valid
        values = np.zeros(len(valid), dtype=found.dtype)
        values[valid] = found
        return values, ~valid


def ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """The numbers ``start, start + 1, ..., start + count - 1`` of each pair, concatenated."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    shifts: IntArray = np.repeat(starts - (ends - counts), counts)
    return np.arange(total, dtype=np.int64) + shifts


def offsets_of(counts: IntArray) -> IntArray:
    """Offsets of lists with these lengths, int64 [n + 1]."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def flatten(array: ak.Array) -> tuple[Rows, Rewrap]:
    """Strip every list and option above the records of an array.

    Parameters
    ----------
    array : awkward.Array
        Records under any number of lists (jagged or regular) and options, e.g. ``events * var * ?jet``.

    Returns
    -------
    rows : Rows
        The records that are not None, in order.
    rewrap : callable
        Takes a layout with one element per record, and puts it back under the lists and options of `array`.

    Raises
    ------
    InputError
        If there are no records below the lists, or if there is a union of types.
    """
    if not isinstance(array, ak.Array):
        raise InputError(f"expected an awkward array of jets, got {type(array).__name__}")
    rows = Rows(array.layout, np.arange(len(array.layout), dtype=np.int64))
    levels: list[Callable[[Content], Content]] = []
    while not rows.layout.is_record:
        layout = rows.layout
        if layout.is_option:
            rows, valid = rows.valid()
            levels.append(_option(valid))
        elif layout.is_indexed:
            rows, _ = rows.valid()
        elif layout.is_list:
            length = len(rows.index)
            rows, counts = rows.lists()
            levels.append(_regular(layout.size, length) if layout.is_regular else _jagged(counts))
        else:
            raise InputError(f"expected records such as jets below the lists, found {array.type}")

    def rewrap(content: Content) -> ak.Array:
        for level in reversed(levels):
            content = level(content)
        return ak.Array(content)

    return rows, rewrap


def _data(index: Any) -> IntArray:
    return np.asarray(ak.to_numpy(ak.contents.NumpyArray(index.data)), dtype=np.int64)


def _option(valid: npt.NDArray[np.bool_]) -> Callable[[Content], Content]:
    index = np.where(valid, np.cumsum(valid) - 1, -1).astype(np.int64)
    return lambda content: ak.contents.IndexedOptionArray.simplified(ak.index.Index64(index), content)


def _jagged(counts: IntArray) -> Callable[[Content], Content]:
    offsets = ak.index.Index64(offsets_of(counts))
    return lambda content: ak.contents.ListOffsetArray(offsets, content)


def _regular(size: int, length: int) -> Callable[[Content], Content]:
    return lambda content: ak.contents.RegularArray(content, size, zeros_length=length)
