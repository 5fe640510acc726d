"""Vectors of fixed length in a field of records, such as a stored embedding."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import BoolArray, FloatArray
from coffea_fm.errors import InputError
from coffea_fm.tokens.jagged import Rows


def vectors_of(rows: Rows, name: str, dim: int) -> tuple[FloatArray, BoolArray]:
    """The vectors of a field, [n, dim], 0 where None, and a mask of the None.

    Raises
    ------
    InputError
        If they are not vectors of this length.
    """
    found, valid = rows.field(name).valid()
    if found.layout.is_numpy and found.layout.purelist_depth == 2:
        found = Rows(found.layout.to_RegularArray(), found.index)
    if not found.layout.is_list:
        raise InputError(f"{name} must be a vector of {dim} numbers, not {found.layout.form.type}")
    numbers, lengths = found.lists()
    if not (lengths == dim).all():
        wrong = int(lengths[lengths != dim][0])
        raise InputError(f"{name} must be a vector of {dim} numbers, and one has {wrong}: it is not of the same model")
    values, absent = numbers.values()
    vectors = np.zeros((len(valid), dim), dtype=np.float32)
    vectors[valid] = np.where(absent, np.nan, values).reshape(-1, dim)
    return vectors, ~valid
