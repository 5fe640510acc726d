"""What a chunk costs on dask, how runs scale with workers and threads, and what follows for a thousand workers.

``make benchmark-scaling`` writes ``scaling.md`` beside this file. CPU times are of the worker processes, and hold on a
busy machine; wall times are the best of the repeats, and need a quiet one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from calculation import calculation
from cost import BUNDLE, cluster, cost, tag
from data import enlarged
from prefetch import prefetch
from transfers import transfers

HERE = Path(__file__).parent
TASKS = 3000


def overhead(folder: Path, events: int, repeats: int) -> tuple[str, dict[str, float]]:
    """CPU seconds of a worker against the size of its chunks."""
    paths = enlarged(folder, 2, events)
    rows, points = (
        ["| events in a chunk | chunks | CPU s | CPU s for a chunk | events/s of CPU |", "|---|---|---|---|---|"],
        [],
    )
    with cluster(1) as client:
        tag(client, paths[:1], events)
        for size in (events // 32, events // 8, events // 2, events):
            found = [cost(client, lambda size=size: tag(client, paths, size)) for _ in range(repeats)]
            seconds, chunks = min(one.workers for one in found), 2 * events // size
            points.append((chunks, seconds))
            rows.append(
                f"| {size:,} | {chunks} | {seconds:.1f} | {seconds / chunks:.3f} | {2 * events / seconds:,.0f} |"
            )
    a_chunk, all_events = np.polyfit(*np.transpose(points), 1)
    fitted = {"chunk": float(a_chunk), "event": float(all_events) / (2 * events)}
    text = (
        f"A straight line through these: {fitted['chunk']:.3f} s for each chunk and {fitted['event'] * 1e3:.2f} ms for each event, "
        "in files of 44 branches."
    )
    return "\n".join([*rows, "", text]), fitted


def scheduler(repeats: int) -> tuple[str, dict[str, float]]:
    """Tasks that do nothing: what the scheduler and the client need for each."""
    with cluster(2) as client:

        def work() -> None:
            client.gather(client.map(_nothing, range(TASKS), pure=False))

        work()
        found = [cost(client, work) for _ in range(repeats)]
    cpu, wall = min(one.scheduler for one in found) / TASKS, min(one.wall for one in found) / TASKS
    text = (
        f"{TASKS:,} tasks that do nothing, two workers: {cpu * 1e3:.2f} ms of CPU a task in the process of scheduler and client "
        f"({1 / cpu:,.0f} tasks/s if it has a core), {1 / wall:,.0f} tasks/s by the wall."
    )
    return text, {"task": cpu}


def threads(folder: Path, events: int, repeats: int) -> str:
    """CPU time of a worker with 1, 2 and 4 threads, eight chunks a file; alternated."""
    paths = enlarged(folder, 2, events)
    found: dict[int, list[float]] = {number: [] for number in (1, 2, 4)}
    for _ in range(repeats):
        for number, seconds in found.items():
            with cluster(1, number) as client:
                tag(client, paths[:1], events // 8)
                seconds.append(cost(client, lambda client=client: tag(client, paths, events // 8)).workers)
    rows = ["| threads of the worker | CPU ms for an event | against one thread |", "|---|---|---|"]
    best = {number: min(seconds) for number, seconds in found.items()}
    rows += [f"| {number} | {s / events * 500:.3f} | {s / best[1]:.2f} |" for number, s in best.items()]
    return "\n".join(rows)


def workers(folder: Path, events: int, repeats: int) -> str:
    """Strong and weak scaling from one worker to two, four chunks a file."""
    paths = enlarged(folder, 4, events)
    cases: dict[str, tuple[int, list[Path]]] = {
        f"{4 * events:,} events, 1 worker": (1, paths),
        f"{4 * events:,} events, 2 workers": (2, paths),
        f"{8 * events:,} events, 2 workers": (2, [*paths, *enlarged(folder, 8, events)[4:]]),
    }
    rows = [
        "| | wall s | CPU s of the workers | wall against one worker | CPU an event against one worker |",
        "|---|---|---|---|---|",
    ]
    first = None
    for name, (number, files) in cases.items():
        with cluster(number) as client:
            tag(client, files[:2], events // 4)
            found = [
                cost(client, lambda client=client, files=files: tag(client, files, events // 4)) for _ in range(repeats)
            ]
        wall, cpu = min(one.wall for one in found), min(one.workers for one in found) / len(files)
        first = first or (wall, cpu)
        rows.append(f"| {name} | {wall:.1f} | {cpu * len(files):.1f} | {wall / first[0]:.2f} | {cpu / first[1]:.2f} |")
    return "\n".join(rows)


def _nothing(_: Any) -> None:
    return None


def main() -> None:
    """Measure, calculate, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--events", type=int, default=4800, help="of a file")
    options = parser.parse_args()
    events, repeats = options.events, options.repeats
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts: list[tuple[str, Callable[[], Any]]] = [
            ("What a chunk costs", lambda: overhead(folder, events, repeats)),
            ("What a task costs the scheduler", lambda: scheduler(repeats)),
            ("Bytes through the scheduler", lambda: transfers(folder, events)),
            ("One worker with several threads", lambda: threads(folder, events, repeats)),
            ("One worker to two", lambda: workers(folder, events, repeats)),
            ("Reading the next chunk while this one is tagged", lambda: prefetch(folder, events // 4, repeats)),
        ]
        text, numbers = [], dict[str, float]()
        for title, measure in parts:
            found = measure()
            table, more = found if isinstance(found, tuple) else (found, {})
            numbers |= more
            text.append(f"## {title}\n\n{table}\n")
            print(text[-1], flush=True)
    text.append(f"## A thousand workers and 10¹⁰ jets\n\n{calculation(numbers)}\n")
    head = (
        f"# Scaling\n\n`make benchmark-scaling`: `tag_jets` with {BUNDLE} on dask workers of this machine ({os.cpu_count()} cores, "
        f"load {load:.0f} before and {os.getloadavg()[0]:.0f} after; the best of {repeats}).\n\n"
    )
    (HERE / "scaling.md").write_text(head + "\n".join(text))


if __name__ == "__main__":
    main()
