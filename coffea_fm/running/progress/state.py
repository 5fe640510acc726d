"""How far a run is, counted at the client from what the workers report."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from coffea_fm.running.progress.remaining import Key, Remaining
from coffea_fm.running.throughput.account import shares
from coffea_fm.running.throughput.chunk import Chunk


@dataclass(frozen=True)
class WorkerCount:
    """Who works on a run.

    Parameters
    ----------
    count : int
        Processes.
    slots : int
        Chunks at a time: the threads of all processes.
    """

    count: int = 1
    slots: int = 1


@dataclass(frozen=True)
class Snapshot:
    """How far a run is at one time.

    Parameters
    ----------
    title, unit : str
        What is done, to what: chunks or files.
    done, total, events, total_events : int
        Finished items and their events, with the failed ones.
    rate : float
        Events, or files, per second since the start, without those from checkpoints.
    elapsed : float
        Seconds since the start.
    remaining : float, optional
        Estimated seconds to the end.
    failed, retried : int
        Items that cannot be read; and how often one was tried again.
    workers : int
        Processes.
    shares : dict of str to float
        Parts of the workers' time, by stage.
    """

    title: str
    unit: str
    done: int
    total: int
    events: int
    total_events: int
    rate: float
    elapsed: float
    remaining: float | None
    failed: int
    retried: int
    workers: int
    shares: dict[str, float]

    @property
    def fraction(self) -> float:
        """The part that is done, by events where there are any."""
        done, total = (self.events, self.total_events) if self.total_events else (self.done, self.total)
        return done / total if total else 1.0


class RunState:
    """Counts the reports of workers, which come from several threads and may repeat.

    Parameters
    ----------
    title, unit : str
        What is done, to what.
    sizes : sequence of int
        Events of each item.
    clock : callable
        Seconds; it never goes back.
    """

    def __init__(
        self,
        title: str,
        unit: str,
        sizes: Sequence[int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title, self.unit, self.clock = title, unit, clock
        self.workers = WorkerCount()
        self.total, self.total_events = len(sizes), sum(sizes)
        self.repeated = 0
        self._retries = self._failed = self._events = self._new = 0
        self._stages: Counter[str] = Counter()
        self._begun: set[Key] = set()
        self._done: set[Key] = set()
        self._lost: set[Key] = set()
        self._remaining = Remaining(self.total, self.total_events)
        self._start = clock()
        self._lock = Lock()

    def add(self, chunk: Chunk) -> None:
        """Count a report: a chunk has begun, or is finished."""
        with self._lock:
            if chunk.state == "begun":
                self.repeated += chunk.key in self._begun
                self._begun.add(chunk.key)
                if chunk.key not in self._done:
                    self._remaining.begin(chunk, self.clock())
            elif chunk.state == "lost":
                self._lost.add(chunk.key)
                self._remaining.drop(chunk)
                self._retries += chunk.retries
            elif chunk.key not in self._done:
                self._done.add(chunk.key)
                self._remaining.end(chunk)
                self._retries += chunk.retries
                self._failed += chunk.state == "failed"
                self._events += chunk.events
                if chunk.state == "done":
                    self._new += chunk.events if self.total_events else 1
                    self._stages.update(chunk.stages)

    @property
    def complete(self) -> bool:
        """Whether nothing more is expected: all items are finished, or given up."""
        return len(self._done | self._lost) >= self.total

    def snapshot(self) -> Snapshot:
        """How far the run is now."""
        with self._lock:
            now = self.clock()
            elapsed = now - self._start
            return Snapshot(
                title=self.title,
                unit=self.unit,
                done=len(self._done),
                total=self.total,
                events=self._events,
                total_events=self.total_events,
                rate=self._new / elapsed if elapsed > 0 else 0.0,
                elapsed=elapsed,
                remaining=self._remaining.seconds(now, self.workers.slots),
                failed=self._failed,
                retried=self._retries + self.repeated,
                workers=self.workers.count,
                shares=shares(self._stages) if self.total_events else {},
            )
