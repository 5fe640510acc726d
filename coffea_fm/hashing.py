"""Random numbers that stay with what they were drawn for, from a hash of its content."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hash_to_uniform(columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """A number in [0, 1) for each jet, from the bits of its [columns, jets] alone: it is always in one mixture."""
    mixed = np.zeros(columns.shape[1], dtype=np.uint64)
    for column in columns.view(np.uint32):
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
