"""The throughput of a run, as an object that adds up over chunks."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from coffea_fm.names import counted
from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.running.throughput.timeline import Timeline
from coffea_fm.timing import STAGES

SLOWEST = 10
"""As many of the slowest chunks are kept."""


@dataclass
class Part:
    """What one file, or one worker, did.

    Parameters
    ----------
    events, chunks, retries, nbytes : int
    seconds : float
        Time of its chunks, added up.
    """

    events: int = 0
    chunks: int = 0
    seconds: float = 0.0
    retries: int = 0
    nbytes: int = 0

    @property
    def rate(self) -> float:
        """Events per second of a worker's time."""
        return self.events / self.seconds if self.seconds else 0.0

    def fill(self, chunk: Chunk) -> None:
        """Count a chunk."""
        self += Part(chunk.events, 1, chunk.seconds, chunk.retries, chunk.nbytes)

    def __iadd__(self, other: Part) -> Self:
        self.events += other.events
        self.chunks += other.chunks
        self.seconds += other.seconds
        self.retries += other.retries
        self.nbytes += other.nbytes
        return self

    def summary(self) -> dict[str, Any]:
        """As plain numbers."""
        return {
            "events": self.events,
            "chunks": self.chunks,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.rate, 1),
            "retries": self.retries,
            "bytes": self.nbytes,
        }


@dataclass
class Throughput:
    """How fast chunks were processed, and where the time went. Adds up in an accumulator.

    A run has it as ``result.throughput`` and in ``summary.json``; in a processor of your own, `coffea_fm.throughput`
    measures it.

    Parameters
    ----------
    total : Part
        All processed chunks.
    stages : Counter of str
        Seconds of the workers by stage; see `coffea_fm.timing.STAGES`.
    files, workers : dict of str to Part
    slowest : list of Chunk
        The chunks that took longest, at most ten.
    timeline : Timeline
        Events by the time at which their chunk ended.
    failed, kept : Part
        Chunks that cannot be read, and those that were taken from checkpoints; in none of the others.
    repeated : int
        Chunks that were processed again because a worker died, or because they could not be done before.
    """

    total: Part = field(default_factory=Part)
    stages: Counter[str] = field(default_factory=Counter)
    files: dict[str, Part] = field(default_factory=dict)
    workers: dict[str, Part] = field(default_factory=dict)
    slowest: list[Chunk] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    failed: Part = field(default_factory=Part)
    kept: Part = field(default_factory=Part)
    repeated: int = 0

    @classmethod
    def of(cls, chunk: Chunk) -> Throughput:
        """That of one chunk."""
        made = cls()
        if chunk.state == "lost":  # it is tried again, and is missing from the output otherwise
            made.failed.retries = chunk.retries
            return made
        if chunk.state != "done":
            (made.failed if chunk.state == "failed" else made.kept).fill(chunk)
            return made
        made.total.fill(chunk)
        made.stages.update(chunk.stages)
        made.files.setdefault(chunk.file, Part()).fill(chunk)
        made.workers.setdefault(chunk.worker, Part()).fill(chunk)
        made.slowest.append(chunk)
        made.timeline.fill(chunk.began + chunk.seconds, chunk.events)
        return made

    @property
    def retries(self) -> int:
        """How often reading was tried again, also in vain, and chunks were processed again."""
        return self.total.retries + self.failed.retries + self.repeated

    @property
    def measured(self) -> bool:
        """Whether there was any chunk."""
        return bool(self.total.chunks or self.failed.chunks or self.kept.chunks)

    def shares(self) -> dict[str, float]:
        """The part of the workers' time that each stage took, in the order of a chunk."""
        return shares(self.stages)

    def __add__(self, other: Throughput) -> Throughput:
        if not isinstance(other, Throughput):
            return NotImplemented
        return copy.deepcopy(self).__iadd__(other)

    def __iadd__(self, other: Throughput) -> Self:
        self.total += other.total
        self.stages.update(other.stages)
        for mine, others in ((self.files, other.files), (self.workers, other.workers)):
            for name, part in others.items():
                mine.setdefault(name, Part()).__iadd__(part)
        self.slowest = sorted([*self.slowest, *other.slowest], key=lambda chunk: -chunk.seconds)[:SLOWEST]
        self.timeline += other.timeline
        self.failed += other.failed
        self.kept += other.kept
        self.repeated += other.repeated
        return self

    def summary(self) -> dict[str, Any]:
        """As plain numbers and texts."""
        return {
            **self.total.summary(),
            "seconds_by_stage": {name: round(self.stages[name], 3) for name in STAGES if name in self.stages},
            "share": {name: round(share, 4) for name, share in self.shares().items()},
            "retries": self.retries,
            "repeated_chunks": self.repeated,
            "failed_chunks": self.failed.chunks,
            "kept_chunks": self.kept.chunks,
            "workers": {name: part.summary() for name, part in sorted(self.workers.items())},
            "slowest_chunks": [
                {"chunk": chunk.name, "seconds": round(chunk.seconds, 3), "worker": chunk.worker}
                for chunk in self.slowest
            ],
        }

    def __repr__(self) -> str:
        share = ", ".join(f"{name} {part:.0%}" for name, part in self.shares().items())
        return f"Throughput({self.total.events} events in {self.total.seconds:.1f} s of {counted(len(self.workers), 'worker')}: {share})"


def shares(stages: Mapping[str, float]) -> dict[str, float]:
    """The part of each stage in the time of all, in the order of a chunk; none if nothing was measured."""
    total = sum(stages.values())
    return {name: stages[name] / total for name in STAGES if stages.get(name)} if total else {}
