"""How much a process grows at its peak while a function runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
_PAGE = 4096
_SECONDS = 0.01


def resident() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def growth(function: Callable[[], Result]) -> tuple[float, Result]:
    """Peak growth in MiB, sampled a hundred times a second, and the result."""
    before = resident()
    samples = [before]
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            samples.append(resident())
            time.sleep(_SECONDS)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        result = function()
    finally:
        done.set()
        thread.join()
    return float(np.max(samples) - before) / 2**20, result
