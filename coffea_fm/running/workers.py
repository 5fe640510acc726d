"""What the workers of a run have: how many there are, how many chunks each runs at a time, and its memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from coffea.processor import DaskExecutor
from coffea.processor.executor import ExecutorBase

from coffea_fm.limits import MemoryLimit, memory_limit

_SECONDS = 30


@dataclass(frozen=True)
class Workers:
    """The processes that run chunks, as far as they are there when the run starts.

    Parameters
    ----------
    number : int
        Number of processes.
    threads : int
        Number of chunks that one process runs at a time.
    limit : MemoryLimit
        The memory of the one that has least.
    """

    number: int
    threads: int
    limit: MemoryLimit

    @property
    def slots(self) -> int:
        """Number of chunks that run at a time."""
        return self.number * self.threads


def workers_of(executor: ExecutorBase) -> Workers:
    """The workers of an executor. A cluster without any counts as one worker like this process."""
    if isinstance(executor, DaskExecutor):
        return dask_workers(executor.client)
    number = getattr(executor, "workers", 1)
    return Workers(number, 1, memory_limit(sharing=number))


def dask_workers(client: Any) -> Workers:
    """The workers of a dask cluster."""
    found = client.scheduler_info(n_workers=-1)["workers"]
    if not found:
        return Workers(1, 1, memory_limit())
    sharing = _most_on_a_host(found)
    limits = [limit for worker in found.values() for limit in _declared(worker)]
    # one worker tells what its machine allows: asking a thousand of them would take longer than it is worth
    with suppress(Exception):  # it went away: the chunks will find others
        limits.append(client.submit(memory_limit, sharing, pure=False).result(timeout=_SECONDS))
    limits = limits or [memory_limit(sharing)]
    return Workers(len(found), max(worker["nthreads"] for worker in found.values()), min(limits))


def each_dask_worker(client: Any) -> dict[str, tuple[Workers, int]]:
    """Each worker of a dask cluster by itself, by address: its own limit, and the bytes it uses."""
    found = client.scheduler_info(n_workers=-1)["workers"]
    sharing = _most_on_a_host(found)
    asked = client.run(memory_limit, sharing, on_error="ignore")
    workers = {}
    for address, worker in found.items():
        limits = [*_declared(worker), *([asked[address]] if address in asked else [])] or [memory_limit(sharing)]
        workers[address] = Workers(1, worker["nthreads"], min(limits)), worker["metrics"]["memory"]
    return workers


def _most_on_a_host(found: Mapping[str, Any]) -> int:
    return max(Counter(worker["host"] for worker in found.values()).values())


def _declared(worker: Mapping[str, Any]) -> list[MemoryLimit]:
    size = worker["memory_limit"]
    return [MemoryLimit(size, "the memory_limit of the dask worker")] if size else []
