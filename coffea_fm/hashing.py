"""Reproducible random numbers for each row of data, from a hash of its content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def hash_to_uniform(columns: Sequence[NDArray[Any]], stream: int = 0) -> NDArray[np.float64]:
    """A number in [0, 1) for each row that depends only on its bits: equal rows get equal numbers.

    The columns are combined with SplitMix64 (doi:10.1145/2660193.2660195).

    Parameters
    ----------
    columns : sequence of integer or float32 arrays of shape [n_rows]
        Columns that identify a row, such as the event number.
    stream : int
        Different streams give independent numbers.

    Returns
    -------
    float64 array of shape [n_rows]
    """
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            bits = column.view(np.uint32) if column.dtype == np.float32 else column
            mixed = (mixed ^ bits.astype(np.uint64)) + np.uint64(stream + 1) * _GOLDEN
            for shift, factor in _ROUNDS:
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
            mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
