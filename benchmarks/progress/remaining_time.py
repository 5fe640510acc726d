"""How well the remaining time of real runs is known: ``python benchmarks/progress/remaining_time.py [DATA...]``.

Each run records what its progress view would show, at every chunk. Tables compare the predicted with the true end, and
give the time that measuring takes. Other work on the same machine shows up as error, as it would for a user.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import coffea_fm
from coffea_fm.running.progress import watch
from coffea_fm.running.progress.state import RunState, Snapshot
from coffea_fm.shipped import shipped
from coffea_fm.timing import stage, stopwatch

RUNS: dict[str, dict[str, Any]] = {
    "in process": {"chunksize": 100},
    "in process, large chunks": {"chunksize": 250},
    "2 processes": {"chunksize": 60, "workers": 2},
    "dask, 2 workers": {"chunksize": 60, "workers": 2, "cluster": "local"},
}


class Recorder:
    """Takes the place of the display."""

    def __init__(self) -> None:
        self.seen: list[Snapshot] = []

    def show(self, snapshot: Snapshot, **_: Any) -> None:
        """Keep what would be shown."""
        self.seen.append(snapshot)

    def row(self, name: str) -> str:
        """The errors of one run, as a row of the table."""
        end = next(each.elapsed for each in self.seen if each.done == each.total)
        known = [
            each for each in self.seen if each.fraction >= 0.1 and each.done < each.total and each.remaining is not None
        ]
        first = known[0]
        total = [abs(each.elapsed + each.remaining - end) / end for each in known]
        inside = sum(error <= 0.2 for error in total) / len(total)
        at_tenth = (first.remaining - (end - first.elapsed)) / (end - first.elapsed)
        return (
            f"| {name} | {first.total} | {first.total_events} | {end:.1f} | {first.elapsed:.1f} | {first.remaining:.1f} | "
            f"{end - first.elapsed:.1f} | {at_tenth:+.0%} | {max(total):.0%} | {inside:.0%} |"
        )


def main(data: list[str]) -> None:
    """Print the tables."""
    files = data or sorted(str(path) for path in shipped("samples").glob("*.root"))
    print(
        "| run | chunks | events | seconds | after a tenth: at | says left | were left | error | worst error of the end after "
        "a tenth | share of the time within 20% |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name, keywords in RUNS.items():
        print(recorded(files, keywords).row(name), flush=True)
    print(
        f"\nA stage costs {1e6 * stage_seconds():.2f} µs in a chunk, {1e6 * report_seconds():.0f} µs a report of a process."
    )


def recorded(files: list[str], keywords: dict[str, Any]) -> Recorder:
    """Run once; what the view of the chunks saw."""
    recorders = []

    @contextmanager
    def recording(state: RunState) -> Iterator[Recorder]:
        recorders.append(Recorder())
        yield recorders[-1]
        recorders[-1].show(state.snapshot())

    watch._shown = recording
    with tempfile.TemporaryDirectory() as folder:
        coffea_fm.run(
            "tag_jets", files, folder, options={"bundle": "jet-classifier-small"}, plots=False, quiet=False, **keywords
        )
    return recorders[-1]


def stage_seconds(repeats: int = 100_000) -> float:
    """CPU time to enter and leave a stage."""
    with stopwatch("filling"):
        start = time.process_time()
        for _ in range(repeats):
            with stage("reading"):
                pass
        return (time.process_time() - start) / repeats


def report_seconds(repeats: int = 2000) -> float:
    """CPU time of a report to a file."""
    from coffea_fm.running.progress.channels import _ToFile
    from coffea_fm.running.throughput.chunk import Chunk

    chunk = Chunk(
        "dataset", "/a/long/path/to/a/file.root", 0, 1000, stages=dict.fromkeys("abcdef", 1.0), worker="host/1"
    )
    with tempfile.TemporaryDirectory() as folder:
        report = _ToFile(folder)
        start = time.process_time()
        for _ in range(repeats):
            report(chunk)
        return (time.process_time() - start) / repeats


if __name__ == "__main__":
    main(sys.argv[1:])
