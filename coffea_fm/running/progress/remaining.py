"""How long a run will still take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.timing import LOADING, OPENING

Key = tuple[str, str, int, int]
_FEW = 20
"""With many more chunks than these, the time per chunk is fitted; with fewer, it is the measured time of opening."""
_SPREAD = 0.05
"""Relative variance of the sizes of chunks below which nothing can be fitted."""


@dataclass
class _Costs:
    """Time of chunks and their events, as sums."""

    chunks: int = 0
    events: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    products: float = 0.0
    fixed: float = 0.0

    def add(self, events: int, seconds: float, fixed: float = 0.0) -> None:
        """Count a chunk; `fixed` is the part of its time that does not depend on its events."""
        self.chunks += 1
        self.events += events
        self.squares += events * events
        self.seconds += seconds
        self.products += events * seconds
        self.fixed += fixed

    def __add__(self, other: _Costs) -> _Costs:
        return _Costs(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def line(self) -> tuple[float, float]:
        """Seconds per chunk, and seconds per event; neither is negative."""
        if not self.events:
            return self.seconds / self.chunks, 0.0
        per_chunk = self.fixed / self.chunks
        variance = self.chunks * self.squares - self.events**2
        if variance > _SPREAD * self.chunks * self.squares:
            slope = (self.chunks * self.products - self.events * self.seconds) / variance
            fitted = (self.seconds - slope * self.events) / self.chunks
            weight = self.chunks / (self.chunks + _FEW)
            per_chunk += weight * (fitted - per_chunk)
        per_chunk = min(max(per_chunk, 0.0), self.seconds / self.chunks)
        return per_chunk, (self.seconds - per_chunk * self.chunks) / self.events


@dataclass
class Remaining:
    """Estimates the remaining time from the chunks that are done, those that run, and the size of the others.

    A chunk costs a time per chunk (opening the file, sending results) and a time per event. At first, opening is taken as
    the time per chunk; with more chunks of different sizes, a straight line is fitted. The first chunk of a worker also imports, loads the
    model and warms up, so it counts, without loading, only until there are two more a worker.

    Parameters
    ----------
    chunks, events : int
        Of the whole run.
    """

    chunks: int
    events: int
    _first: _Costs = field(default_factory=_Costs)
    _later: _Costs = field(default_factory=_Costs)
    _ends: dict[tuple[str, int], float] = field(default_factory=dict)
    _running: dict[Key, tuple[float, int]] = field(default_factory=dict)

    def begin(self, chunk: Chunk, now: float) -> None:
        """Note that a worker has begun a chunk."""
        self._running[chunk.key] = now, chunk.events

    def drop(self, chunk: Chunk) -> None:
        """Note that a worker has given up a chunk, which is not finished."""
        self._running.pop(chunk.key, None)

    def end(self, chunk: Chunk) -> None:
        """Note that a chunk is finished; the time since the chunk before on this worker is what it cost."""
        self._running.pop(chunk.key, None)
        self.chunks -= 1
        self.events -= chunk.events
        thread, end = (chunk.worker, chunk.thread), chunk.began + chunk.seconds
        before = self._ends.get(thread)
        self._ends[thread] = end
        if chunk.state != "done":
            return
        opening = chunk.stages.get(OPENING, 0.0)
        if before is None:
            self._first.add(chunk.events, chunk.seconds - chunk.stages.get(LOADING, 0.0), opening)
        else:
            waited = max(chunk.began - before, 0.0)
            self._later.add(chunk.events, chunk.seconds + waited, opening + waited)

    def seconds(self, now: float, slots: int) -> float | None:
        """Seconds until the end, if `slots` chunks run at a time; None if nothing is known yet."""
        costs = self._later if self._later.chunks >= 2 * self._first.chunks else self._first + self._later
        if not costs.chunks or slots < 1:
            return None
        running = [(max(now - began, 0.0), events) for began, events in self._running.values()]
        per_chunk, per_event = _with_overdue(costs.line(), costs, running)
        left = per_chunk * self.chunks + per_event * self.events
        longest = 0.0
        for elapsed, events in running:
            cost = per_chunk + per_event * events
            left -= min(elapsed, cost)
            longest = max(longest, cost - elapsed)
        # at the end, workers wait for the last one: half a chunk on average
        waiting = 0.5 * costs.seconds / costs.chunks * (1 - 1 / slots) if self.chunks > slots else 0.0
        return max(max(left, 0.0) / slots + waiting, longest)


def _with_overdue(
    line: tuple[float, float],
    costs: _Costs,
    running: Iterable[tuple[float, int]],
) -> tuple[float, float]:
    """The same costs, scaled by what runs longer than expected: slow chunks are done last, and missing so far."""
    expected = line[0] * costs.chunks + line[1] * costs.events
    overdue = [(elapsed, line[0] + line[1] * events) for elapsed, events in running]
    late = [(elapsed, cost) for elapsed, cost in overdue if elapsed > cost]
    taken, due = sum(elapsed for elapsed, _ in late), sum(cost for _, cost in late)
    scale = (expected + taken) / (expected + due) if expected + due > 0 else 1.0
    return line[0] * scale, line[1] * scale
