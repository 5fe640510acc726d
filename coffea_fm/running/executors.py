"""How coffea's Runner executes a run: here, in processes of this machine, or on dask; each chunk counts once or is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coffea.processor import DaskExecutor
from coffea.processor.accumulator import accumulate
from coffea.processor.executor import ExecutorBase
from coffea.util import coffea_console
from rich.console import ConsoleRenderable, RenderHook
from rich.traceback import Traceback

from coffea_fm.running.checkpoints.store import Checkpoints
from coffea_fm.running.dask_tasks import DaskTasks
from coffea_fm.running.process_pool import ProcessPool
from coffea_fm.running.tasks import Task, Told
from coffea_fm.running.throughput.measuring import Measured, Report

Results: TypeAlias = Iterator[dict[str, Any]]
"""What tasks gave, each for itself or several added up."""


@dataclass
class TaskExecutor(ExecutorBase):  # type: ignore[misc]
    """Base of the executors.

    Parameters
    ----------
    skip_unreadable : bool
        Skip and count files that cannot be read.
    checkpoints : Checkpoints, optional
        Where finished chunks are kept.
    names : mapping of WorkItem to str
        What checkpoints call the chunks.
    run : str
        Name of this start of the run, in the names of temporary files.
    report : callable, optional
        What workers call with each chunk that they begin or end.
    """

    skip_unreadable: bool = False
    checkpoints: Checkpoints | None = None
    names: Mapping[Any, str] = field(default_factory=dict)
    run: str = "0"
    report: Report | None = None

    def __call__(self, items: Iterable[Any], function: Callable[[Any], Any], accumulator: Any) -> Any:
        """Do all tasks and add what they give. Those that circumstances prevented are tried once more at the end.

        Not those that killed their workers, which would kill more of them.
        """
        tasks = [Task(item, self.names.get(item, "")) for item in items]
        if not tasks:
            return accumulator, 0
        told = Measured(Told(function, self.skip_unreadable, self.run, self.checkpoints), self.report)
        total: dict[str, Any] = self._added(told, tasks)
        lost = total.pop("lost", {})
        if 0 < len(lost) < len(tasks):
            again = self._added(told, [task for task in tasks if task.item in lost])
            lost = again.pop("lost", {})
            total = accumulate([again], total)
        lost |= total.pop("given up", {})
        if lost:
            total["lost"] = lost
        return accumulate([total], accumulator), 0

    def _added(self, told: Measured, tasks: Sequence[Task]) -> dict[str, Any]:
        return dict(accumulate(self.results(told, tasks)))

    def results(self, told: Measured, tasks: Sequence[Task]) -> Results:
        """Do tasks, each of which counts in exactly one of the results."""
        raise NotImplementedError


@dataclass
class HereExecutor(TaskExecutor):
    """One task after the other in this process."""

    def results(self, told: Measured, tasks: Sequence[Task]) -> Results:
        """Do the tasks."""
        for task in tasks:
            yield told(task)


@dataclass
class PoolExecutor(TaskExecutor):
    """Several processes on this machine.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    workers: int = 2

    def results(self, told: Measured, tasks: Sequence[Task]) -> Results:
        """Do the tasks; one whose process dies is done again, alone."""
        yield from ProcessPool(self.workers).results(told, tasks)


@dataclass
class ClusterExecutor(TaskExecutor, DaskExecutor):  # type: ignore[misc]
    """The workers of a dask cluster; a `DaskExecutor` for coffea, which then gives the processor as ``heavy_input``."""

    def results(self, told: Measured, tasks: Sequence[Task]) -> Results:
        """Do the tasks, also if workers or the scheduler die."""
        yield from DaskTasks(self.client, told, self.heavy_input).results(tasks)


def make_executor(*, workers: int = 1, client: Any = None, skip_unreadable: bool = False) -> TaskExecutor:
    """Create an executor for coffea's Runner.

    Parameters
    ----------
    workers : int
        Number of processes on this machine, if no client is given; 1 runs in this process.
    client : distributed.Client, optional
        The cluster to run on.
    skip_unreadable : bool
        Skip and count files that cannot be read; otherwise a file whose header cannot be
        read ends the run, and entries that cannot be read are missing.
    """
    if client is not None:
        return ClusterExecutor(client=client, skip_unreadable=skip_unreadable)
    if workers > 1:
        return PoolExecutor(workers=workers, skip_unreadable=skip_unreadable)
    return HereExecutor(skip_unreadable=skip_unreadable)


class _WithoutTracebacks(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [renderable for renderable in renderables if not isinstance(renderable, Traceback)]


@contextmanager
def without_tracebacks() -> Iterator[None]:
    """Hide the tracebacks that coffea prints on failure."""
    coffea_console.push_render_hook(_WithoutTracebacks())
    try:
        yield
    finally:
        coffea_console.pop_render_hook()
