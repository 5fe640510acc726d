"""Tasks on a dask cluster whose workers come and go.

Results are merged in small groups as soon as there are enough for all workers, and fetched at once. A worker that dies
takes with it what it is doing and the last results, and not an hour of them, as with a reduction that waits for all.

dask gives a task up when four workers have died that had it (``allowed-failures: 3``), even if it was only in their
queue. On a cluster with preemption that happens to innocent chunks. So such a chunk is submitted again, until chance
cannot explain it any more: if the share p of other submissions ended in the same way, k of them in a row have a
probability of p to the power of k.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from coffea.processor.accumulator import accumulate

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.running.merging import packed, unpacked
from coffea_fm.running.tasks import Task, describe, is_chunk
from coffea_fm.running.throughput.measuring import Measured

FEWEST = 3
MOST = 30
CHANCE = 1e-4
"""How often a chunk is submitted at least and at most, and the probability below which it is to blame itself."""
LARGEST_GROUP = 20
_RESTARTS = 10
_POLL = 0.2
_log = logging.getLogger(__name__)


def process_chunk(task: Task, broadcast: tuple[bytes, bytes | None]) -> bytes:
    """Do a task on a worker."""
    told: Measured = cloudpickle.loads(broadcast[0])
    return packed(told(task, broadcast[1]))


def merge_chunks(results: Sequence[bytes]) -> bytes:
    """Add results on a worker."""
    return packed(accumulate(map(unpacked, results)))


def _why_killed(task: Task) -> str:
    remedy = "use a smaller --chunksize or more memory" if is_chunk(task.item) else "give the workers more memory"
    return f"dask workers died repeatedly on it, most likely out of memory: {remedy}"


def _same(value: Any) -> Any:
    return value


class DaskTasks:
    """A list of tasks on a cluster.

    Parameters
    ----------
    client : distributed.Client
    told : Measured
        Does a task.
    heavy : bytes, optional
        What every task needs beside; sent once to each worker.
    """

    def __init__(self, client: Any, told: Measured, heavy: bytes | None) -> None:
        self._client = client
        self._what = (bytes(cloudpickle.dumps(told)), heavy)
        self._broadcast: Any = None
        self._chunks: dict[Any, Task] = {}
        self._ready: list[Any] = []
        self._merges: dict[Any, dict[str, Task]] = {}
        self._threads = 1
        self._killed: Counter[Task] = Counter()
        self._cancelled: Counter[Task] = Counter()
        self._done = 0

    def results(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """What tasks gave, alone or several added up; a task that cannot be done is ``given up`` in a result.

        Raises
        ------
        CoffeaFMError
            What the first task raised.
        """
        import distributed

        as_completed: Any = distributed.as_completed
        queue = as_completed(self._submit(tasks), raise_errors=False)
        try:
            for future in queue:
                if future in self._chunks and future.status == "finished" and self._group > 1:
                    self._ready.append(future)
                else:
                    yield from self._fetch(future, queue)
                if self._ready and (len(self._ready) >= self._group or len(self._ready) == len(self._chunks)):
                    queue.add(self._merge())
        finally:
            if self._client.status == "running":
                self._client.cancel([*self._chunks, *self._merges])

    @property
    def _group(self) -> int:
        """How many results are merged before they are fetched: few on few workers, so that none waits long."""
        return max(1, min(LARGEST_GROUP, self._threads))

    def _submit(self, tasks: Sequence[Task]) -> list[Any]:
        self._threads = sum(self._client.nthreads().values())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*[Ll]arge (object|graph).*")
            if self._broadcast is None or self._broadcast.status not in ("pending", "finished"):
                self._broadcast = self._client.submit(_same, self._what, pure=False)
            futures = self._client.map(process_chunk, tasks, broadcast=self._broadcast, pure=False)
        self._chunks |= dict(zip(futures, tasks, strict=True))
        return list(futures)

    def _merge(self) -> Any:
        futures, self._ready = self._ready, []
        merge = self._client.submit(merge_chunks, futures, pure=False, priority=1)
        self._merges[merge] = {future.key: self._chunks.pop(future) for future in futures}
        return merge

    def _fetch(self, future: Any, queue: Any) -> Iterator[dict[str, Any]]:
        """The result of a future, or its tasks submitted once more."""
        by_key = self._merges.pop(future) if future in self._merges else {future.key: self._chunks.pop(future)}
        tasks = list(by_key.values())
        try:
            result = unpacked(future.result())
        except CoffeaFMError:
            raise
        except Exception as error:  # noqa: BLE001 - what dask raises when workers and schedulers go away
            lost = self._blame(error, by_key)
        else:
            self._done += len(tasks)
            yield result
            return
        again = [task for task in tasks if task not in lost]
        if again and self._is_connected():
            queue.update(self._submit(again))
        else:
            lost |= dict.fromkeys(again, f"the dask scheduler at {self._client.scheduler.address} has gone away")
        for task, why in lost.items():
            if not is_chunk(task.item):
                raise InputError(f"{describe(task.item)}: {why}")
            yield {"given up": {task.item: f"{describe(task.item)}: {why}"}}

    def _blame(self, error: Exception, by_key: Mapping[str, Task]) -> dict[Task, str]:
        """Tasks to give up, and why; the others were in bad company."""
        from distributed import KilledWorker

        tasks = list(by_key.values())
        if isinstance(error, KilledWorker):
            _log.info("dask gave up: %s", error)
            self._killed.update([by_key[str(error.task)]] if str(error.task) in by_key else tasks)
            return {task: _why_killed(task) for task in tasks if self._is_to_blame(task)}
        if isinstance(error, CancelledError):
            _log.info("the scheduler forgot %d chunks: %s", len(tasks), error)
            self._cancelled.update(tasks)
            return {
                task: "the dask scheduler forgets it again and again"
                for task in tasks
                if self._cancelled[task] > _RESTARTS
            }
        raise error

    def _is_to_blame(self, task: Task) -> bool:
        """Whether so many workers died on a task that the deaths of all others do not explain it."""
        killed = self._killed[task]
        if killed < FEWEST:
            return False
        others = self._killed.total() - killed
        share = (others + 1) / (others + self._done + 2)
        return not self._done or killed >= MOST or share**killed < CHANCE

    def _is_connected(self) -> bool:
        """Wait for a scheduler that restarts, for as long as the client does."""
        while self._client.status not in ("running", "closed", "closing"):
            time.sleep(_POLL)
        return bool(self._client.status == "running")
