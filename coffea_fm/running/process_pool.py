"""Processes on this machine; a chunk whose process dies is done again by itself, and given up if that kills another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from loky import ProcessPoolExecutor  # type: ignore[import-untyped]

from coffea_fm.errors import InputError
from coffea_fm.parent import end_with_parent
from coffea_fm.running.merging import packed, unpacked
from coffea_fm.running.tasks import Task, describe, is_chunk

_ALONE = 2
"""How often a suspect may kill a process of its own."""


@dataclass(frozen=True)
class Packed:
    """A function whose results are compressed on their way back."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> bytes:
        """Call it."""
        return packed(self.function(*arguments))


@dataclass(frozen=True)
class ProcessPool:
    """Worker processes that end with this one.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    workers: int

    def results(self, function: Callable[[Task], Any], tasks: Sequence[Task]) -> Iterator[Any]:
        """Results as they come. The death of a process costs those tasks alone that were in it, for a while."""
        waiting = list(tasks)
        while waiting:
            undone: list[Task] = []
            yield from self._once(self.workers, function, waiting, undone)
            # tasks start in order, so that the first of those without a result were running
            suspects, waiting = undone[: self.workers], undone[self.workers :]
            for suspect in suspects:
                yield from self._alone(function, suspect)

    def _alone(self, function: Callable[[Task], Any], task: Task) -> Iterator[Any]:
        for _ in range(_ALONE):
            undone: list[Task] = []
            yield from self._once(1, function, [task], undone)
            if not undone:
                return
        why = f"{describe(task.item)}: its worker process was killed, most likely out of memory: use fewer --workers"
        if not is_chunk(task.item):
            raise InputError(why)
        yield {"given up": {task.item: f"{why} or a smaller --chunksize"}}

    def _once(
        self, workers: int, function: Callable[[Task], Any], tasks: Sequence[Task], undone: list[Task]
    ) -> Iterator[Any]:
        """Results of one pool; tasks that it did not get to, because a process died, are added to `undone`."""
        pool = ProcessPoolExecutor(workers, initializer=end_with_parent, initargs=(os.getpid(),))
        try:
            futures = {pool.submit(Packed(function), task): task for task in tasks}
            for future in as_completed(futures):
                try:
                    result = future.result()
                except BrokenExecutor:
                    undone.append(futures[future])
                else:
                    yield unpacked(result)
            order = {id(task): place for place, task in enumerate(tasks)}
            undone.sort(key=lambda task: order[id(task)])
        finally:
            pool.shutdown(kill_workers=True)
