"""Results by what they were computed from, so that nothing is computed twice."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import IntArray

Columns = dict[str, npt.NDArray[Any]]
Key = bytes


class Memory:
    """Rows of results, each with a key of what it was computed from.

    Parameters
    ----------
    most : int, optional
        Number of rows to keep; beyond it, all older rows are dropped. The rows of one call are always kept.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._places: dict[Key, int] = {}
        self._columns: Columns = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def complete(self, keys: Sequence[Key], compute: Callable[[IntArray], Mapping[str, npt.NDArray[Any]]]) -> Columns:
        """The rows of these keys. Those that are not known are computed, and kept.

        Parameters
        ----------
        keys : sequence of bytes
        compute : callable
            Takes the indices of the keys that are not known, and returns columns with one row for each.
        """
        with self._lock:
            places = np.fromiter((self._places.get(key, -1) for key in keys), dtype=np.int64, count=len(keys))
            columns = self._columns
        new = np.flatnonzero(places < 0)
        if not len(new) and columns:
            return {name: column[places] for name, column in columns.items()}
        old, found = np.flatnonzero(places >= 0), compute(new)
        rows = {name: np.empty((len(keys), *column.shape[1:]), dtype=column.dtype) for name, column in found.items()}
        for name, column in found.items():
            rows[name][new] = column
            if len(old):
                rows[name][old] = columns[name][places[old]]
        with self._lock:
            self._keep(keys, new, found, rows)
        return rows

    def _keep(self, keys: Sequence[Key], new: IntArray, found: Mapping[str, Any], rows: Columns) -> None:
        known = len(next(iter(self._columns.values()))) if self._columns else 0
        if self._most is not None and known + len(new) > self._most:
            self._columns, self._places = rows, {key: place for place, key in enumerate(keys)}
            return
        self._places.update((keys[index], known + place) for place, index in enumerate(new.tolist()))
        self._columns = {
            name: np.concatenate([self._columns[name], column]) if known else np.asarray(column)
            for name, column in found.items()
        }


@dataclass(frozen=True)
class Recall:
    """What models gave for the jets of one call after another.

    Parameters
    ----------
    memories : dict of tuple to Memory
        For each model and its outputs.
    alive : list
        The arrays of jets: their place in memory tells them apart, so no other array may take it.
    """

    memories: dict[tuple[str, ...], Memory] = field(default_factory=lambda: defaultdict(Memory))
    alive: list[Any] = field(default_factory=list)
