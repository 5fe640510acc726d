"""Fuzz everything that coffea-fm reads and that may come from somebody else.

    python benchmarks/fuzz/fuzz.py --inputs 12000 --table benchmarks/fuzz/results.md

Each input is a real file with a few changes, and follows from its kind and number. It must load, or be refused with an
error of coffea-fm, within 10 s of CPU time and 1 GiB. A process that dies or hangs is a fault, and is started again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue

sys.path.insert(0, str(Path(__file__).parent))

from worker import Outcome, work

MOST_CPU = 15.0
"""Seconds of CPU time after which a process is ended."""
MOST_WAIT = 300.0
"""Seconds on the clock after which it waits for something that does not come; the machine may be busy, too."""
GOOD = ("loaded", "refused")


class Process:
    """A process that loads inputs, replaced when it dies."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._pipe: Connection
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=work, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self.shares: dict[str, float] = self._pipe.recv()
        self._ready: set[str] = set()

    def load(self, kind: str, index: int) -> Outcome:
        """Ask for one input."""
        try:
            if kind not in self._ready:
                self._pipe.send((kind, None))
                self._pipe.recv()
                self._ready.add(kind)
            self._pipe.send((kind, index))
            if self._answers():
                return self._pipe.recv()  # type: ignore[no-any-return]
            what = "hangs"
        except (EOFError, OSError):
            self._process.join(5)
            what = f"dies ({self._process.exitcode})"
        self.stop()
        self._start()
        return Outcome(kind, index, what)

    def _answers(self) -> bool:
        """Whether an answer comes in time: in CPU time, since others use the machine as well."""
        before, start = self._cpu(), time.monotonic()
        while not self._pipe.poll(1.0):
            if self._cpu() - before > MOST_CPU or time.monotonic() - start > MOST_WAIT:
                return False
        return True

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def run(total: int, processes: int = 1, only: str = "", first: int = 0) -> list[Outcome]:
    """Load so many inputs, shared by all kinds, or by some."""
    queue: SimpleQueue[tuple[str, int]] = SimpleQueue()
    one = Process()
    for each in chosen(total, one.shares, only, first):
        queue.put(each)

    def drain(number: int) -> list[Outcome]:
        process, outcomes = one if number == 0 else Process(), []
        while True:
            try:
                outcomes.append(process.load(*queue.get_nowait()))
            except Empty:
                process.stop()
                return outcomes
            if outcomes[-1].what not in GOOD:
                print(outcomes[-1], flush=True)

    with ThreadPoolExecutor(processes) as pool:
        return [outcome for part in pool.map(drain, range(processes)) for outcome in part]


def chosen(total: int, shares: dict[str, float], only: str, first: int) -> list[tuple[str, int]]:
    """Numbers of each kind, in proportion to their shares."""
    asked = {name: share for name, share in shares.items() if not only or name in only.split(",")}
    unit = total / sum(asked.values())
    return [(name, first + i) for name, share in asked.items() for i in range(max(1, round(unit * share)))]


def table(outcomes: list[Outcome]) -> str:
    """As Markdown."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    lines = [
        "| kind | inputs | loaded | refused | faults | slowest, s | most memory, MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, part in [*by_kind.items(), ("**all**", outcomes)]:
        counts = Counter(outcome.what for outcome in part)
        faults = len(part) - sum(counts[what] for what in GOOD)
        slowest, most = max(o.seconds for o in part), max(o.mebibytes for o in part)
        numbers = f"{len(part)} | {counts['loaded']} | {counts['refused']} | {faults} | {slowest:.2f} | {most:.0f}"
        lines.append(f"| {kind} | {numbers} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each kind")
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for inputs with faults")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.keep:
        os.environ["FUZZ_KEEP"] = str(options.keep.absolute())
    start = time.monotonic()
    outcomes = run(options.inputs, options.processes, options.only, options.first)
    text = table(outcomes)
    print(text, f"{time.monotonic() - start:.0f} s", sep="\n")
    if options.table:
        options.table.write_text(text)
    return int(any(outcome.what not in GOOD for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
