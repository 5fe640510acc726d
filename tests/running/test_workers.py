from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from coffea.processor import DaskExecutor

from coffea_fm.limits import MemoryLimit
from coffea_fm.running.workers import Workers, each_dask_worker, workers_of

GIB = 2**30


class Client:
    """A client of a cluster that has these workers."""

    def __init__(self, workers: list[dict[str, Any]], *, gone: bool = False) -> None:
        self.workers, self.gone = dict(enumerate(workers)), gone

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        assert n_workers == -1, "by default dask tells of five"
        return {"workers": self.workers}

    def submit(self, function: Any, sharing: int, *, pure: bool) -> Any:
        assert not pure

        def result(timeout: float) -> MemoryLimit:
            if self.gone:
                raise TimeoutError(timeout)
            return MemoryLimit(16 * GIB // sharing, function.__name__)

        return SimpleNamespace(result=result)

    def run(self, function: Any, sharing: int, *, on_error: str) -> dict[int, MemoryLimit]:
        """Every second worker answers."""
        assert on_error == "ignore"
        return {name: MemoryLimit(16 * GIB // sharing, function.__name__) for name in self.workers if name % 2 == 0}


def worker(host: str, gib: float, nthreads: int = 1) -> dict[str, Any]:
    return {"host": host, "memory_limit": int(gib * GIB), "nthreads": nthreads, "metrics": {"memory": 1000 * nthreads}}


@pytest.mark.parametrize("gone", [False, True])
def test_the_worker_with_least_memory_counts(gone: bool) -> None:
    client = Client([worker("a", 4, 2), worker("a", 4, 2), worker("b", 3)], gone=gone)
    found = workers_of(DaskExecutor(client=client))
    assert (found.number, found.threads, found.slots) == (3, 2, 6)
    assert found.limit == MemoryLimit(3 * GIB, "the memory_limit of the dask worker")


def test_workers_of_one_host_share_its_memory() -> None:
    found = workers_of(DaskExecutor(client=Client([worker("a", 0)] * 8)))
    assert found.limit == MemoryLimit(2 * GIB, "memory_limit")


@pytest.mark.parametrize("workers", [[], [worker("a", 0)]])
def test_what_is_not_known_is_as_here(workers: list[dict[str, Any]]) -> None:
    found = workers_of(DaskExecutor(client=Client(workers, gone=True)))
    assert (found.number, found.threads) == (1, 1)
    assert found.limit.size > 0


def test_each_worker_has_its_own_limit_and_use() -> None:
    found = each_dask_worker(Client([worker("a", 9, 2), worker("a", 9), worker("b", 3)]))
    assert found == {
        0: (Workers(1, 2, MemoryLimit(8 * GIB, "memory_limit")), 2000),
        1: (Workers(1, 1, MemoryLimit(9 * GIB, "the memory_limit of the dask worker")), 1000),
        2: (Workers(1, 1, MemoryLimit(3 * GIB, "the memory_limit of the dask worker")), 1000),
    }
