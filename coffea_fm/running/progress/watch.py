"""Watch a run: receive the reports of its workers, and show how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from coffea.processor.executor import ExecutorBase
from rich.console import Console
from rich.live import Live

from coffea_fm.running.progress.channels import Channel, Dask, Here, Processes
from coffea_fm.running.progress.state import RunState, Snapshot
from coffea_fm.running.progress.view import in_log, on_terminal

_REFRESH = 0.5
_LATE = 2.0
"""Seconds to wait for reports that are still on their way when the results are there."""
_FIRST_LINES, _NEXT_LINES, _PART = 10.0, 300.0, 0.1
"""In a log: lines after this time, then after each tenth of the events, or at least every five minutes."""


@dataclass(frozen=True)
class Watched:
    """A run that is watched.

    Parameters
    ----------
    executor : ExecutorBase
        To be used for it: its workers report.
    state : RunState
        What they reported.
    """

    executor: ExecutorBase
    state: RunState


@contextmanager
def watched(
    executor: ExecutorBase,
    title: str,
    unit: str,
    sizes: Sequence[int],
    *,
    quiet: bool = False,
) -> Iterator[Watched]:
    """Watch what an executor does, and show it on standard error.

    Parameters
    ----------
    executor : ExecutorBase
        From `coffea_fm.running.executors.make_executor`.
    title, unit : str
        What is done, to what.
    sizes : sequence of int
        Events of each item; zeros where they are not known.
    quiet : bool
        Show nothing.
    """
    channel = _channel(executor)
    state = RunState(title, unit, sizes)
    show = nullcontext() if quiet else _shown(state)
    with show as display, channel.open(state.add) as report:
        stop = Event()
        thread = Thread(target=_follow, args=(state, channel, display, stop), daemon=True)
        thread.start()
        try:
            yield Watched(executor.copy(report=report, status=False), state)
            _wait_for_late(state, channel)
        finally:
            stop.set()
            thread.join(timeout=_LATE)


def _channel(executor: ExecutorBase) -> Channel:
    client, workers = getattr(executor, "client", None), getattr(executor, "workers", 1)
    if client is not None:
        return Dask(client)
    return Processes(workers) if workers > 1 else Here()


def _follow(state: RunState, channel: Channel, display: Any, stop: Event) -> None:
    while True:
        with suppress(Exception):  # a scheduler that restarts does not answer; the run itself says what is wrong
            state.workers = channel.workers()
            channel.poll()
        if display is not None and not stop.is_set():
            display.show(state.snapshot())
        if stop.wait(_REFRESH):
            return


def _wait_for_late(state: RunState, channel: Channel) -> None:
    end = time.monotonic() + _LATE
    channel.poll()
    while not state.complete and time.monotonic() < end:
        time.sleep(0.02)
        channel.poll()


@contextmanager
def _shown(state: RunState) -> Iterator[Any]:
    """Show the state until the end, and the last one."""
    console = Console(file=sys.stderr)
    display = _Terminal(console, transient=not state.total_events) if console.is_terminal else _Log(console, state)
    with display:
        try:
            yield display
        finally:
            display.show(state.snapshot(), last=True)


class _Terminal:
    """Lines that change in place."""

    def __init__(self, console: Console, *, transient: bool) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=transient, redirect_stdout=False)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot, *, last: bool = False) -> None:  # noqa: ARG002 - all look the same
        self._live.update(on_terminal(snapshot), refresh=True)


class _Log:
    """Lines below each other: few, since nobody watches a log all the time."""

    def __init__(self, console: Console, state: RunState) -> None:
        self._console = console
        self._always = bool(state.total_events)
        self._next, self._fraction = _FIRST_LINES, 0.0

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def show(self, snapshot: Snapshot, *, last: bool = False) -> None:
        due = snapshot.elapsed >= self._next and (
            snapshot.fraction >= self._fraction + _PART or snapshot.elapsed >= self._next + _NEXT_LINES
        )
        first = self._next == _FIRST_LINES and snapshot.elapsed >= _FIRST_LINES
        running = snapshot.done < snapshot.total
        if (running and (due or first)) or (last and (self._always or self._next > _FIRST_LINES)):
            self._next, self._fraction = snapshot.elapsed + _FIRST_LINES, snapshot.fraction
            print(in_log(snapshot), file=self._console.file, flush=True)
