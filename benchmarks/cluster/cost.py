"""CPU and wall time of runs on a dask cluster of this machine: of its workers, and of scheduler and client."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from coffea_fm.running.clusters.table import dask_client
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import PFNanoAODSchema

BUNDLE = "jet-classifier-small"


@dataclass(frozen=True)
class Cost:
    """Seconds: CPU of all workers, CPU of this process with the scheduler, and wall."""

    workers: float
    scheduler: float
    wall: float


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[Any]:
    """A warm cluster: its workers have imported everything and opened the sessions."""
    with dask_client("local", {"threads": threads, "memory": 0}, workers) as client:
        client.wait_for_workers(workers)
        yield client


def cost(client: Any, work: Callable[[], object]) -> Cost:
    """What some work costs."""
    pids = list(client.run(os.getpid).values())
    before, own, start = _cpu(pids), time.process_time(), time.perf_counter()
    work()
    return Cost(_cpu(pids) - before, time.process_time() - own, time.perf_counter() - start)


def tag(client: Any, paths: list[Path], chunksize: int) -> Any:
    """Run `tag_jets` over files."""
    processor = load_processor("tag_jets", {"bundle": BUNDLE})
    fileset = read_fileset(list(map(str, paths)))
    return execute(processor, fileset, PFNanoAODSchema, make_executor(client=client), chunksize=chunksize, quiet=True)


def _cpu(pids: list[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
