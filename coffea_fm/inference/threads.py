"""How many threads tagging uses: one rule for laptops, batch jobs, containers, process pools and dask workers."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

from coffea_fm.limits import ROOT, core_limit, first_number


def owned_threads(root: Path = ROOT) -> int:
    """Number of threads that tagging may use in this process.

    A dask worker has its ``nthreads``: dask sets ``OMP_NUM_THREADS`` to 1 in its workers, which says nothing about them.
    Any other child process has one, as process pools start one process per core. The main process has the first number
    of ``OMP_NUM_THREADS``, or all cores. Never more than the cores that this process may use; see
    `coffea_fm.limits.core_limit`.

    Parameters
    ----------
    root : Path
        Where ``/proc`` and ``/sys`` are.
    """
    nthreads = _dask_worker_threads()
    if nthreads is None and multiprocessing.parent_process() is not None:
        return 1
    asked = first_number(os.environ.get("OMP_NUM_THREADS", "")) if nthreads is None else nthreads
    cores = core_limit(os.environ, root)
    return cores if asked is None else max(1, min(asked, cores))


def _dask_worker_threads() -> int | None:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:
        return None
