"""Reduce the precision of numbers, so that files compress better."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MANTISSA_BITS = 12
_FLOAT32_BITS = 23


def quantise(values: ArrayLike, bits: int = MANTISSA_BITS) -> NDArray[np.float32]:
    """Round values to the nearest with a given number of mantissa bits.

    Parameters
    ----------
    values : array [n]
        Finite values.
    bits : int
        Bits of mantissa kept, of float32's 23; the relative error is at most ``2 ** -(bits + 1)``.
    """
    dropped = _FLOAT32_BITS - bits
    pattern = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    nearest = pattern + np.uint32((1 << (dropped - 1)) - 1) + ((pattern >> dropped) & 1)
    return (nearest >> dropped << dropped).view(np.float32)
