"""Measure a chunk in the worker that processes it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import awkward as ak

from coffea_fm.running.tasks import Task, Told
from coffea_fm.running.throughput.account import Throughput
from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.timing import FILLING, OPENING, READING, Stopwatch, stage, stopwatch

Report = Callable[[Chunk], None]
"""What workers call with each chunk that they begin or end."""


@contextmanager
def throughput(events: ak.Array) -> Iterator[Throughput]:
    """Measure in a processor where the time of a chunk goes, and return it with the histograms.

    `coffea_fm.run` measures every processor; this is for a Runner of your own.

    Parameters
    ----------
    events : awkward.Array
        The argument of ``process``. The time in which its columns are read counts as reading.

    Yields
    ------
    Throughput
        Complete at the end of the block.

    Examples
    --------
    >>> def process(self, events):
    ...     with coffea_fm.throughput(events) as measured:
    ...         histogram = self.fill(events, self.tagger(events.FatJet))
    ...     return {"mass": histogram, "throughput": measured}
    """
    measured = Throughput()
    began = time.time()
    with stopwatch(FILLING) as watch:
        times_reading(events)
        yield measured
    about = events.metadata
    place = about["dataset"], about["filename"], about["entrystart"], about["entrystop"]
    measured += Throughput.of(_chunk(place, watch, began))


def times_reading(events: Any) -> None:
    """Let the columns of NanoEvents, which are read when they are needed, count their time as reading."""
    mapping: Any = getattr(getattr(events, "attrs", {}).get("@events_factory"), "_mapping", None)
    extract = getattr(mapping, "extract_column", None)
    if extract is not None and not isinstance(extract, _Reading):
        mapping.extract_column = _Reading(extract)


@dataclass(frozen=True)
class _Reading:
    """A function that reads; a class, so that it can be pickled with the events."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with stage(READING):
            return self.function(*arguments, **keywords)


@dataclass(frozen=True)
class Measured:
    """Does a task, measures it, reports to the client, and adds what it measured to the output.

    Parameters
    ----------
    told : Told
        Does the task.
    report : callable, optional
        Called with a `Chunk` when a task begins and when it ends.
    """

    told: Told
    report: Report | None = None

    def __call__(self, task: Task, heavy: Any = None) -> dict[str, Any]:
        """Do a task; see `Told`."""
        item = task.item
        is_chunk = hasattr(item, "entrystart")
        place = item.dataset, item.filename, getattr(item, "entrystart", 0), getattr(item, "entrystop", 0)
        began = time.time()
        if self.report is not None:
            self.report(Chunk(*place, state="begun", began=began, **_where()))
        with stopwatch(OPENING) as watch:
            output = self.told(task, heavy)
        state = next((name for name in ("failed", "lost", "kept") if name in output), "done")
        chunk = _chunk(place, watch, began, state, output.get("metrics", {}).get("bytesread", 0))
        if self.report is not None:
            self.report(chunk)
        return {**output, "throughput": Throughput.of(chunk)} if is_chunk else output


def _chunk(
    place: tuple[str, str, int, int],
    watch: Stopwatch,
    began: float,
    state: str = "done",
    nbytes: int = 0,
) -> Chunk:
    return Chunk(
        *place,
        state=state,
        began=began,
        stages=dict(watch.seconds),
        retries=watch.retries,
        nbytes=int(nbytes),
        **_where(),
    )


def _where() -> dict[str, Any]:
    return {"worker": worker_name(), "thread": threading.get_ident()}


def worker_name() -> str:
    """The name of this dask worker, or host and number of this process."""
    worker = _dask_worker()
    host = socket.gethostname()
    return f"{host}/{os.getpid()}" if worker is None else f"{host}/{worker.name}"


def _dask_worker() -> Any:
    distributed = sys.modules.get("distributed")  # slow to import where there is none
    try:
        return distributed and distributed.get_worker()
    except ValueError:  # not in a task of dask
        return None
