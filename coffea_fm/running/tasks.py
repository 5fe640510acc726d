"""One item of a run, a file header or a chunk, as a worker does it: what goes wrong becomes one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from coffea.processor.executor import WorkItem

from coffea_fm.errors import CoffeaFMError, OutputError
from coffea_fm.files import noting_files
from coffea_fm.logs import LOGGER, show_logs
from coffea_fm.running.checkpoints.sealed import SealError
from coffea_fm.running.checkpoints.store import Checkpoints
from coffea_fm.running.failures import NetworkError, SetupError, UnreadableFileError, explain
from coffea_fm.running.replicas import attempted

_CIRCUMSTANCES = (UnreadableFileError, NetworkError, SetupError, OutputError)
"""Errors that are not of the user's code: the other chunks can be done, and this one later."""


@dataclass(frozen=True)
class Task:
    """A file or a chunk.

    Parameters
    ----------
    item : File or WorkItem
    name : str
        What checkpoints call the chunk.
    """

    item: Any
    name: str = ""


@dataclass(frozen=True)
class Told:
    """Does one task, and tells in one sentence what went wrong.

    Reading is tried again, see `coffea_fm.running.replicas.attempted`. A file that still cannot be read gives
    ``{"failed": {item: sentence}}`` if `skip_unreadable`. A chunk that cannot be done for reasons that are not in the
    processor (damage, network, disk, memory) gives ``{"lost": {item: sentence}}``. All other errors raise.
    """

    function: Callable[[Any], Any]
    skip_unreadable: bool
    run: str = "0"
    checkpoints: Checkpoints | None = None
    log_level: int = field(default_factory=lambda: LOGGER.level)

    def __call__(self, task: Task, heavy: Any = None) -> dict[str, Any]:
        """Do a task; `heavy` is what coffea sends to dask workers only once, the pickled processor."""
        if self.log_level:  # also in a worker process
            show_logs(self.log_level)
        given = task.item if heavy is None else (task.item, heavy)
        if self.checkpoints is None or not task.name:
            return self._done_noting_files(task, given)
        remarks: list[str] = []
        try:
            if (kept := self.checkpoints.load(task.item, task.name)) is not None:
                return {**kept, "kept": 1}
        except SealError as error:
            remarks.append(f"{describe(task.item)} was processed again: {error}")
        output = self._done_noting_files(task, given)
        if "processed" in output:
            try:
                with noting_files(self.run):
                    self.checkpoints.save(output, task.name)
            except OutputError as error:
                remarks.append(f"{describe(task.item)} is done, but not kept: {error}")
        return {**output, "remarks": remarks} if remarks else output

    def _done_noting_files(self, task: Task, given: Any) -> dict[str, Any]:
        with noting_files(self.run) as files:
            output = self._done(task, given)
        # a set: sizes of a chunk that was tried twice would be added up
        written = {(str(file), file.stat().st_size) for file in files if file.exists()}
        return {**output, "files": written} if written else output

    def _done(self, task: Task, given: Any) -> dict[str, Any]:
        try:
            with _fewer_warnings(show=bool(self.log_level)):
                return attempted(self.function, given, _tell)
        except CoffeaFMError as error:
            return self._not_done(task.item, error)

    def _not_done(self, item: Any, told: CoffeaFMError) -> dict[str, Any]:
        if isinstance(told, UnreadableFileError):
            if self.skip_unreadable:
                return {"failed": {item: str(told)}}
            told = UnreadableFileError(f"{told}; use --skip-bad-files to run without it")
        if isinstance(told, _CIRCUMSTANCES) and isinstance(item, WorkItem):
            return {"lost": {item: str(told)}}
        raise told


def _tell(error: Exception, item: Any) -> CoffeaFMError:
    return explain(error, item.filename, entries(item))


@contextmanager
def _fewer_warnings(*, show: bool) -> Iterator[None]:
    """Hide coffea's warnings about each branch that it cannot read: hundreds for a PHYSLITE file. ``-v`` shows them."""
    with warnings.catch_warnings():
        if not show:
            warnings.filterwarnings("ignore", "Skipping .* as it is not interpretable by Uproot", UserWarning)
        yield


def is_chunk(item: Any) -> bool:
    """Whether it is a chunk of events, and not a file whose header is read."""
    return hasattr(item, "entrystart")


def describe(item: Any) -> str:
    """The file and, for a chunk, its entries."""
    return ", ".join(filter(None, [item.filename, entries(item)]))


def entries(item: Any) -> str:
    """The entries of a chunk; empty for a whole file."""
    return f"entries {item.entrystart} to {item.entrystop}" if is_chunk(item) else ""
