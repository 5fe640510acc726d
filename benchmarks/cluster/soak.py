"""Two thousand chunks through one dask worker: memory, threads and open files of its process.

``python benchmarks/cluster/soak.py`` writes ``soak.md`` and ``soak.png`` beside this file. Each chunk is tagged,
histogrammed, and written as a friend.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from data import enlarged

HERE = Path(__file__).parent
BUNDLE = "jet-classifier-small"
ALLOWED = 50.0
"""MiB of growth after the warm-up."""


@dataclass
class Samples:
    """What the process of the worker needed, a row a second."""

    chunks: list[int] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def soak(paths: list[Path], chunksize: int, folder: Path, period: float = 1.0) -> Samples:
    """Run `tag_jets` with friends in chunks on a worker of its own process, and watch that from outside."""
    import coffea_fm
    from coffea_fm.running.clusters.table import dask_client
    from coffea_fm.running.execute import execute
    from coffea_fm.running.executors import make_executor
    from coffea_fm.running.friends import friends_of
    from coffea_fm.running.processors import load_processor
    from coffea_fm.running.sources import read_fileset
    from coffea_fm.schemas import PFNanoAODSchema

    processor: Any = load_processor("tag_jets", {"bundle": BUNDLE})
    processor.taggers = {"FatJet": coffea_fm.load(BUNDLE)}
    friends = friends_of(processor, "scores", folder, keeps_parts=True)
    assert friends is not None
    with dask_client("local", {"memory": 0}, 1) as client:
        (pid,) = client.run(os.getpid).values()
        done, samples = threading.Event(), Samples()
        watch = threading.Thread(target=_watch, args=(pid, friends.parts, samples, done, period))
        watch.start()
        try:
            executor = make_executor(client=client)
            fileset = read_fileset(list(map(str, paths)))
            execute(processor, fileset, PFNanoAODSchema, executor, chunksize=chunksize, friends=friends, quiet=True)
        except KeyboardInterrupt:
            print("stopped: the table is of the chunks so far")
        finally:
            done.set()
            watch.join()
    return samples


def _watch(pid: int, parts: Path, samples: Samples, done: threading.Event, period: float) -> None:
    process, start = psutil.Process(pid), time.monotonic()
    while not done.wait(period):
        with process.oneshot():
            samples.resident.append(process.memory_info().rss / 2**20)
            samples.threads.append(process.num_threads())
            samples.files.append(process.num_fds())
        samples.chunks.append(sum(1 for _ in parts.glob("*.parquet")) if parts.exists() else 0)
        samples.seconds.append(time.monotonic() - start)


def growth(samples: Samples, warm_up: int) -> float:
    """Resident memory that was added at most after the warm-up, in MiB."""
    resident = np.asarray(samples.resident)[np.asarray(samples.chunks) >= warm_up]
    return float(resident.max() - resident[0])


def table(samples: Samples, chunks: int, warm_up: int) -> str:
    """What stayed constant after the warm-up, and what did not."""
    after = np.asarray(samples.chunks) >= warm_up
    rows = ["| | at the end of the warm-up | least | most | at the end |", "|---|---|---|---|---|"]
    for name, values, unit in (
        ("resident memory", samples.resident, " MiB"),
        ("threads", samples.threads, ""),
        ("open files", samples.files, ""),
    ):
        seen = np.asarray(values)[after]
        rows.append(
            f"| {name} | " + " | ".join(f"{n:.0f}{unit}" for n in (seen[0], seen.min(), seen.max(), seen[-1])) + " |"
        )
    resident = np.asarray(samples.resident)[after]
    slope = np.polyfit(np.asarray(samples.chunks)[after], resident, 1)[0] * 1000
    return "\n".join(
        [
            f"{chunks:,} chunks in {samples.seconds[-1]:.0f} s; the warm-up is the first {warm_up}.",
            "",
            *rows,
            "",
            f"Growth from the end of the warm-up to the most: {growth(samples, warm_up):.0f} MiB (allowed: {ALLOWED:.0f}).",
            f"A straight line through all samples rises by {slope:+.1f} MiB per 1,000 chunks.",
        ]
    )


def draw(samples: Samples, path: Path, warm_up: int) -> None:
    """Memory, threads and files against chunks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    memory, counts = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    memory.plot(samples.chunks, samples.resident, lw=1)
    start = next(value for chunk, value in zip(samples.chunks, samples.resident, strict=True) if chunk >= warm_up)
    memory.axhspan(
        start, start + ALLOWED, alpha=0.15, color="tab:green", label=f"allowed: {ALLOWED:.0f} MiB after the warm-up"
    )
    memory.axvline(warm_up, color="grey", ls=":", lw=1, label=f"warm-up: {warm_up} chunks")
    memory.set(ylabel="Resident memory [MiB]", ylim=(0, 1.25 * max(samples.resident)))
    memory.legend(loc="lower right", frameon=False)
    counts.plot(samples.chunks, samples.threads, lw=1, label="threads")
    counts.plot(samples.chunks, samples.files, lw=1, label="open files")
    counts.set(xlabel="Chunks", ylabel="Number", ylim=(0, 1.4 * max(samples.files + samples.threads)))
    counts.legend(loc="upper right", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, and write the table and the figure."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also where a shell in the background ignores SIGINT
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--chunksize", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--files", type=int, default=10)
    options = parser.parse_args()
    events = options.chunks * options.chunksize // options.files
    with tempfile.TemporaryDirectory() as scratch:
        paths = enlarged(Path(scratch) / "data", options.files, events)
        samples = soak(paths, options.chunksize, Path(scratch))
    text = table(samples, max(samples.chunks), options.warm_up)
    head = f"`python benchmarks/cluster/soak.py`: `tag_jets` with friends, {BUNDLE}, chunks of {options.chunksize} events.\n\n"
    (HERE / "soak.md").write_text(f"{head}{text}\n\n![memory, threads and open files](soak.png)\n")
    draw(samples, HERE / "soak.png", options.warm_up)
    print(text)


if __name__ == "__main__":
    main()
