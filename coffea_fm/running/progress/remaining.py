"""How long a run will still take."""

from __future__ import annotations

from dataclasses import dataclass, field

from coffea_fm.running.throughput.chunk import Chunk

_SPREAD = 0.05
"""Below this relative variance of the chunks' sizes, a cost per chunk cannot be told from one per event."""

Key = tuple[str, str, int, int]


@dataclass
class _Costs:
    """Time of chunks against their events, as sums for a straight line."""

    chunks: int = 0
    events: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    products: float = 0.0

    def add(self, events: int, seconds: float) -> None:
        self.chunks += 1
        self.events += events
        self.squares += events * events
        self.seconds += seconds
        self.products += events * seconds

    def line(self) -> tuple[float, float]:
        """Seconds per chunk, and seconds per event; neither is negative."""
        variance = self.chunks * self.squares - self.events**2
        if self.chunks > 2 and variance > _SPREAD * self.chunks * self.squares:
            per_event = (self.chunks * self.products - self.events * self.seconds) / variance
            per_chunk = (self.seconds - per_event * self.events) / self.chunks
            if per_event >= 0 <= per_chunk:
                return per_chunk, per_event
            if per_event < 0:
                return self.seconds / self.chunks, 0.0
        return (0.0, self.seconds / self.events) if self.events else (self.seconds / self.chunks, 0.0)


@dataclass
class Remaining:
    """Estimates the remaining time from the chunks that are done, those that run, and the size of the others.

    A chunk costs a time per chunk (opening the file, sending results) and a time per event, fitted to those that are
    done. The first chunk of a worker also imports and loads the model, so it counts only until there is a second one.

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
        if before is None:
            self._first.add(chunk.events, chunk.seconds)
        else:
            self._later.add(chunk.events, max(end - before, chunk.seconds))

    def seconds(self, now: float, slots: int) -> float | None:
        """Seconds until the end, if `slots` chunks run at a time; None if nothing is known yet."""
        costs = self._later if self._later.chunks else self._first
        if not costs.chunks or slots < 1:
            return None
        per_chunk, per_event = costs.line()
        left = per_chunk * self.chunks + per_event * self.events
        longest = 0.0
        for began, events in self._running.values():
            cost = per_chunk + per_event * events
            done = min(max(now - began, 0.0), cost)
            left -= done
            longest = max(longest, cost - done)
        # at the end, workers wait for the last one: half a chunk on average
        waiting = 0.5 * costs.seconds / costs.chunks * (1 - 1 / slots) if self.chunks > slots else 0.0
        return max(max(left, 0.0) / slots + waiting, longest)
