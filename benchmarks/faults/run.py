"""Disturb a run of two hundred chunks in every way, compare it event by event, and write the table: ``make benchmark-faults``.

Each run tags, fills histograms, writes shards and friend trees over the three shipped samples in chunks of 14 events,
on two dask workers that are replaced when they die. As root: file systems are mounted.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

# imported before anything is forked, so that workers and clients start at once
import distributed.chaos
import faults
from coffea.processor import Runner
from compare import Comparison
from processes import WORKERS
from scene import CHUNK, Outcome, Scene

import coffea_fm.cli.run
import coffea_fm.running.commands
import coffea_fm.running.dask_tasks
import coffea_fm.running.friend_files
import coffea_fm.shards
from coffea_fm.running.checkpoints.code import describe_code

HERE = Path(__file__).parent
PRELOADED = (Runner, distributed.chaos, coffea_fm.cli.run)
LIFE = 10.0
"""Mean life of a worker, in chunks; its start takes about as long as four."""
HEAD = "| fault | injected | runs | commands given | events lost | events counted twice | other differences | named exactly | seconds a run |\n|---|--:|--:|--:|--:|--:|---|---|--:|"


@dataclass(frozen=True)
class Fault:
    """A line of the table: what is done, and how often by default."""

    text: str
    inject: Callable[[Scene], Outcome]
    runs: int


FAULTS = {
    "none": Fault("none, on dask", partial(faults.dying, mode="", life=0.0), 1),
    "exit": Fault("workers die by `sys.exit`", partial(faults.dying, mode="sys.exit", life=LIFE), 2),
    "graceful": Fault("workers leave gracefully", partial(faults.dying, mode="graceful", life=LIFE), 2),
    "segfault": Fault("workers die by a segmentation fault", partial(faults.dying, mode="segfault", life=LIFE), 2),
    "kill": Fault("workers are killed (SIGKILL)", partial(faults.signalled, how=signal.SIGKILL, life=LIFE), 3),
    "terminate": Fault("workers are told to end (SIGTERM)", partial(faults.signalled, how=signal.SIGTERM, life=LIFE), 2),
    "stop": Fault("a worker stops and goes on (SIGSTOP, SIGCONT)", partial(faults.stopping, pause=5.0, every=5.0), 2),
    "silent": Fault(
        "a worker stops for so long that it is given up, and goes on",
        partial(faults.stopping, pause=40.0, every=10.0, ttl=15.0),
        2,
    ),
    "memory": Fault("a chunk exceeds the memory limit of its worker", faults.hungry, 2),
    "scheduler": Fault("the scheduler is killed and restarts", partial(faults.restarting, every=50), 2),
    "truncated": Fault("an input file is cut in half while it is read", faults.truncated, 2),
    "server": Fault("a server drops 2% of its answers half-way", partial(faults.dropping, share=0.02), 2),
    "full": Fault("the disk is full", partial(faults.full, megabytes=3), 2),
    "read-only": Fault("the file system becomes read-only", faults.read_only, 2),
    "denied": Fault("the folder of the shards denies writing", faults.denied, 2),
    "client": Fault("the command is killed with all of its state (SIGKILL)", partial(faults.killed_client, times=50, life=4.0), 1),
}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run the faults that are named, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", default=list(FAULTS), help=", ".join(FAULTS))
    parser.add_argument("--runs", type=int, help="runs of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for what the runs write; runs that it has are not repeated")
    given = parser.parse_args(arguments)
    random.seed(given.seed)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="coffea-fm-faults-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    describe_code([])  # remembered, and forked
    wanted = undisturbed(folder)
    pace = pace_on_dask(folder, wanted)
    lines, good = [], True
    for name in given.faults:
        fault = FAULTS[name]
        outcomes = []
        for number in range(given.runs or fault.runs):
            outcomes.append(outcome_of(fault, folder / f"{name}-{number}", wanted, pace))
            print(name, number, outcomes[-1], flush=True)
        lines.append(line(fault.text, outcomes))
        good &= all(outcome.comparison is not None and outcome.comparison.equal for outcome in outcomes)
        good &= all(outcome.named for outcome in outcomes)
    table = "\n".join([HEAD, *lines])
    print(table)
    if set(given.faults) == set(FAULTS):
        (HERE / "results.md").write_text(f"{__doc__.partition(':')[0]}.\n\n{table}\n\n{time.strftime('%Y-%m-%d')}\n")
    if not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


def outcome_of(fault: Fault, place: Path, wanted: Path, pace: float) -> Outcome:
    """Inject a fault, unless that was done, and remember what became of the run."""
    remembered = place / "outcome.json"
    if remembered.exists():
        content = json.loads(remembered.read_text())
        comparison = content.pop("comparison")
        return Outcome(**content, comparison=comparison and Comparison(**comparison))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    outcome = fault.inject(Scene(place, wanted, pace))
    remembered.write_text(json.dumps(asdict(outcome)))
    return outcome


def undisturbed(folder: Path) -> Path:
    """The run that all others are compared with: in one process, without dask."""
    place = folder / "undisturbed"
    if (place / "out" / "summary.json").exists():
        return place / "out"
    place.mkdir()
    scene = Scene(place, place / "out")
    outcome = scene.until_complete(None, lambda _: None)
    if outcome.comparison is None or not outcome.comparison.equal:
        raise SystemExit(f"the undisturbed run failed: see {place / 'client.log'}")
    print(f"undisturbed: {outcome.seconds:.1f} s, chunks of {CHUNK} events, {WORKERS} workers on dask", flush=True)
    return place / "out"


def pace_on_dask(folder: Path, wanted: Path) -> float:
    """Seconds that a chunk takes on a worker, with all that dask adds, if nothing is disturbed."""
    place = folder / "pace"
    if (place / "pace.json").exists():
        known: float = json.loads((place / "pace.json").read_text())
        return known
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    outcome = faults.dying(Scene(place, wanted), "", 0.0)
    if outcome.comparison is None or outcome.starts != 1:
        raise SystemExit(f"the undisturbed run on dask failed: see {place / 'client.log'}")
    chunks: int = json.loads((wanted / "summary.json").read_text())["chunks"]
    pace = outcome.seconds * WORKERS / chunks
    print(f"a chunk takes {pace:.2f} s on a worker", flush=True)
    (place / "pace.json").write_text(json.dumps(pace))
    return pace


def line(text: str, outcomes: Sequence[Outcome]) -> str:
    """A line of the table."""
    compared = [outcome.comparison for outcome in outcomes]
    ended = [comparison for comparison in compared if comparison is not None]
    others = sorted({each for comparison in ended for each in comparison.differences})
    others += [f"{len(compared) - len(ended)} runs never complete"] * (len(ended) < len(compared))
    cells = [
        text,
        sum(outcome.injected for outcome in outcomes),
        len(outcomes),
        sum(outcome.starts for outcome in outcomes),
        sum(comparison.lost for comparison in ended),
        sum(comparison.twice for comparison in ended),
        "; ".join(others) or "none",
        "yes" if all(outcome.named for outcome in outcomes) else "no",
        f"{sum(outcome.seconds for outcome in outcomes) / len(outcomes):.0f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
