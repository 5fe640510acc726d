"""The arithmetic limit: multiplications and additions of the real tokens, at the rate of this core's matrix products."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

FEATURES, EMBED, PAIR, DIM, LAYERS, CLASS_LAYERS, CLASSES = 17, (128, 512, 128), (4, 64, 64, 64, 8), 128, 8, 2, 10


def flops(lengths: npt.NDArray[np.int64]) -> float:
    """Floating-point operations of ParT's matrix products for jets of these lengths; each pair counted once."""
    tokens = lengths.astype(np.float64)
    pairs = tokens * (tokens + 1) / 2
    layer = tokens * (4 * DIM**2 + 2 * 4 * DIM**2) + 2 * tokens**2 * DIM
    class_layer = (tokens + 1) * (2 * DIM**2 + 2 * DIM) + 2 * DIM**2 + 2 * 4 * DIM**2
    products = (
        tokens * _chain((FEATURES, *EMBED))
        + pairs * _chain(PAIR)
        + LAYERS * layer
        + CLASS_LAYERS * class_layer
        + DIM * CLASSES
    )
    return float(2 * products.sum())


def _chain(widths: tuple[int, ...]) -> int:
    return sum(left * right for left, right in pairwise(widths))


def gemm_rate(seconds: float = 3.0, size: int = 1024) -> float:
    """Best fp32 rate of square matrix products on one thread, in operations per second of this core."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        for _ in range(4):
            left @ right
        best = max(best, 4 * 2 * size**3 / (time.process_time() - start))
    return best
