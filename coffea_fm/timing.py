"""Where the time of a chunk goes: a stopwatch that the stages of the work switch, each in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType

STAGES = ("loading", "opening", "reading", "tagging", "filling", "writing")
"""Stages of a chunk: loading the processor and its models, opening the file, reading columns from it, running models,
writing files; what is none of these, such as selections and histograms, is filling."""
LOADING, OPENING, READING, TAGGING, FILLING, WRITING = STAGES

_running: ContextVar[Stopwatch | None] = ContextVar("running", default=None)


class Stopwatch:
    """Seconds of each stage. Where stages are nested, the time is that of the innermost.

    Parameters
    ----------
    stage : str
        The stage that begins now.

    Attributes
    ----------
    seconds : Counter of str
        By stage, up to the last switch.
    retries : int
        How often something was tried again.
    """

    def __init__(self, stage: str) -> None:
        self.seconds: Counter[str] = Counter()
        self.retries = 0
        self._stage = stage
        self._since = perf_counter()

    def switch(self, stage: str) -> str:
        """Begin a stage; returns the one before."""
        now = perf_counter()
        before = self._stage
        self.seconds[before] += now - self._since  # type: ignore[assignment]
        self._stage, self._since = stage, now
        return before

    def lap(self) -> None:
        """Count the time up to now; the stage goes on."""
        self.switch(self._stage)

    def take_over(self, inner: Stopwatch) -> None:
        """Add what another stopwatch measured since the last lap."""
        self.seconds.update(inner.seconds)
        self.retries += inner.retries
        self._since = perf_counter()


class stage:
    """Measure a part of the work as a stage, if a stopwatch runs in this thread.

    A class, not a generator: it is entered for each column that is read.
    """

    __slots__ = ("_before", "_name", "_watch")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._watch = _running.get()
        if self._watch is not None:
            self._before = self._watch.switch(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.switch(self._before)


@contextmanager
def stopwatch(first: str) -> Iterator[Stopwatch]:
    """Let a stopwatch run in this thread. One that already runs counts the same time, too."""
    outer = _running.get()
    if outer is not None:
        outer.lap()
    watch = Stopwatch(first)
    token = _running.set(watch)
    try:
        yield watch
    finally:
        _running.reset(token)
        watch.lap()
        if outer is not None:
            outer.take_over(watch)


def count_retry() -> None:
    """Note that something is tried again."""
    watch = _running.get()
    if watch is not None:
        watch.retries += 1
