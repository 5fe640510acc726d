"""coffea's executors, with one-sentence errors, and unreadable files counted or fatal."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from typing import Any

import coffea.processor.executor
from coffea.processor import DaskExecutor, FuturesExecutor, IterativeExecutor
from coffea.processor.executor import ExecutorBase
from coffea.util import coffea_console
from loky import ProcessPoolExecutor  # type: ignore[import-untyped]
from rich.console import ConsoleRenderable, RenderHook
from rich.traceback import Traceback

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.logs import LOGGER, show_logs
from coffea_fm.parent import end_with_parent
from coffea_fm.running.failures import UnreadableFileError, explain
from coffea_fm.running.progress import run_progress
from coffea_fm.running.replicas import attempted


@dataclass(frozen=True)
class Told:
    """A function of one item (a file or a chunk) whose errors are one sentence.

    Reading is tried again, see `coffea_fm.running.replicas.attempted`. An item that still cannot be read is returned
    as ``{"failed": {item: sentence}}`` if `skip_unreadable`, and raises otherwise. All other errors raise.
    """

    function: Callable[[Any], Any]
    skip_unreadable: bool
    log_level: int = field(default_factory=lambda: LOGGER.level)

    def __call__(self, item: Any) -> Any:
        """Call the function on a file or a chunk."""
        if self.log_level:  # also in a worker process
            show_logs(self.log_level)
        try:
            with _fewer_warnings(show=bool(self.log_level)):
                return attempted(self.function, item, _tell)
        except UnreadableFileError as error:
            if not self.skip_unreadable:
                raise UnreadableFileError(f"{error}; use --skip-bad-files to run without it") from error
            return {"failed": {item[0] if isinstance(item, tuple) else item: str(error)}}


def _tell(error: Exception, item: Any) -> CoffeaFMError:
    return explain(error, item.filename, entries(item))


@contextmanager
def _fewer_warnings(*, show: bool) -> Iterator[None]:
    """Hide coffea's warnings about each branch that it cannot read: hundreds for a PHYSLITE file. ``-v`` shows them."""
    with warnings.catch_warnings():
        if not show:
            warnings.filterwarnings("ignore", "Skipping .* as it is not interpretable by Uproot", UserWarning)
        yield


def describe(item: Any) -> str:
    """The file and, for a chunk, its entries."""
    return ", ".join(filter(None, [item.filename, entries(item)]))


def entries(item: Any) -> str:
    """The entries of a chunk; empty for a whole file."""
    return f"entries {item.entrystart} to {item.entrystop}" if hasattr(item, "entrystart") else ""


@dataclass
class _Telling(ExecutorBase):  # type: ignore[misc]
    skip_unreadable: bool = False

    def __call__(self, items: Any, function: Callable[[Any], Any], accumulator: Any) -> Any:
        return super().__call__(items, Told(function, self.skip_unreadable), accumulator)


@dataclass
class TellingIterativeExecutor(_Telling, IterativeExecutor):  # type: ignore[misc]
    """Run one chunk after the other in this process."""


@dataclass
class TellingFuturesExecutor(_Telling, FuturesExecutor):  # type: ignore[misc]
    """Run in several processes on this machine."""

    def __call__(self, items: Any, function: Callable[[Any], Any], accumulator: Any) -> Any:
        """Run without coffea's printed traceback, which is not useful for one-sentence errors."""
        printed = StringIO()
        try:
            with redirect_stderr(printed):
                return super().__call__(items, function, accumulator)
        except CoffeaFMError:
            printed = StringIO()
            raise
        except BrokenExecutor as error:
            printed = StringIO()
            raise InputError(
                "a worker process was killed, most likely out of memory: use fewer --workers or a smaller --chunksize"
            ) from error
        finally:
            sys.stderr.write(printed.getvalue())


@dataclass
class TellingDaskExecutor(_Telling, DaskExecutor):  # type: ignore[misc]
    """Run on the workers of a dask cluster."""

    def __call__(self, items: Any, function: Callable[[Any], Any], accumulator: Any) -> Any:
        """Run, and explain the death of a worker, which raises no exception of its own."""
        self.unit = "task"  # coffea also counts the tasks that add up results
        try:
            return super().__call__(items, function, accumulator)
        except RuntimeError as error:
            if "KilledWorker" not in str(error):
                raise
            where = next((describe(item) for item in items if str(item) in str(error)), "merging results")
            raise InputError(
                f"dask workers died repeatedly on {where}, most likely out of memory: "
                "use a smaller --chunksize or more memory"
            ) from error


def make_executor(*, workers: int = 1, client: Any = None, skip_unreadable: bool = False) -> ExecutorBase:
    """Create an executor for coffea's Runner.

    Parameters
    ----------
    workers : int
        Number of processes on this machine, if no client is given; 1 runs in this process.
    client : distributed.Client, optional
        The cluster to run on.
    skip_unreadable : bool
        Skip and count files that cannot be read; otherwise the first one ends the run.
    """
    common: dict[str, Any] = {"skip_unreadable": skip_unreadable, "retries": 0}
    if client is not None:
        return TellingDaskExecutor(client=client, **common)
    if workers > 1:
        pool = partial(ProcessPoolExecutor, initializer=end_with_parent, initargs=(os.getpid(),))
        return TellingFuturesExecutor(workers=workers, pool=pool, **common)
    return TellingIterativeExecutor(**common)


class _WithoutTracebacks(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [renderable for renderable in renderables if not isinstance(renderable, Traceback)]


@contextmanager
def progress_on_stderr(*, quiet: bool = False) -> Iterator[None]:
    """Show coffea's progress on standard error, without the tracebacks that it prints on failure."""
    # a console without a file of its own follows stdout, and must continue to
    file = None if coffea_console.file is sys.stdout else coffea_console.file
    before = file, coffea_console.quiet
    bar = coffea.processor.executor.rich_bar
    coffea_console.file, coffea_console.quiet = sys.stderr, quiet
    coffea.processor.executor.rich_bar = run_progress
    coffea_console.push_render_hook(_WithoutTracebacks())
    try:
        yield
    finally:
        coffea_console.pop_render_hook()
        coffea_console.file, coffea_console.quiet = before
        coffea.processor.executor.rich_bar = bar
