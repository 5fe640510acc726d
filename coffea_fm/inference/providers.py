"""Where a model runs, and on how many threads."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence

from coffea_fm.errors import InputError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_SHORT = {"cpu": CPU, "cuda": CUDA}


def choose_providers(asked: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """Choose execution providers of onnxruntime, in order of preference.

    Parameters
    ----------
    asked : sequence of str, optional
        ``"cuda"``, ``"cpu"`` or onnxruntime's own names. By default CUDA if this onnxruntime has it, then CPU.
    available : sequence of str
        Providers of this onnxruntime.

    Raises
    ------
    InputError
        If a requested provider is not available.
    """
    if asked is None:
        return tuple(name for name in (CUDA, CPU) if name in available)
    names = tuple(_SHORT.get(name.lower(), name) for name in asked)
    absent = [name for name in names if name not in available]
    if absent or not names:
        raise InputError(
            f"the onnxruntime here has no provider {', '.join(absent) or 'in an empty list'} (it has "
            f"{', '.join(available)}): install coffea-fm[gpu] for CUDA, or leave providers out"
        )
    return names


def owned_threads() -> int:
    """Number of threads that the model may use here: those of the dask worker or of the batch job.

    A dask worker has its ``nthreads``. Any other child process (of a process pool with one process per core) has
    one. The main process has the cores it may run on, or fewer if ``OMP_NUM_THREADS`` says so.
    """
    nthreads = _dask_worker_threads()
    if nthreads is not None:
        return max(1, min(nthreads, _cores()))
    if multiprocessing.parent_process() is not None:
        return 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(_cores(), int(limit)) if limit.isdigit() and int(limit) > 0 else _cores()


def _dask_worker_threads() -> int | None:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:
        return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
