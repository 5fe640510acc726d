"""A run that is disturbed, watched to its end, and compared with the undisturbed one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from compare import Comparison, compare, named_exactly
from processes import Cluster, client, ended, kill, own_client

ROOT = Path(__file__).parents[2]
SAMPLES = [ROOT / "samples" / f"{name}.root" for name in ("Hbb", "QCD", "Tbqq")]
CHUNK = 14
LONGEST = 7200.0


@dataclass
class Outcome:
    """What became of one run.

    Parameters
    ----------
    injected : int
        How often the fault happened.
    starts : int
        How often the same command was given.
    comparison : Comparison, optional
        With the undisturbed run; None if it never ended.
    named : bool
        Whether each incomplete end named exactly what was missing.
    seconds : float
        Wall time.
    """

    injected: int = 0
    starts: int = 0
    comparison: Comparison | None = None
    named: bool = True
    seconds: float = 0.0


@dataclass
class Scene:
    """One disturbed run in a folder of its own.

    Parameters
    ----------
    folder : Path
    wanted : Path
        Output of the undisturbed run.
    pace : float
        Seconds that a chunk takes on a worker of dask: all other times are given in these, so that the machine's
        speed does not matter.
    files : list of str
        Inputs.
    options : list of str
        More options of the command.
    """

    folder: Path
    wanted: Path
    pace: float = 0.1
    files: list[str] = field(default_factory=lambda: [str(path) for path in SAMPLES])
    options: list[str] = field(default_factory=list)
    output: Path | None = None
    as_root: bool = True
    forked: bool = True
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def out(self) -> Path:
        """Output of the run."""
        return self.output or self.folder / "out"

    def start(self, cluster: str = "") -> int:
        """Give the command; the same each time."""
        processor = [str(Path(__file__).parent / "watched.py"), *self.files, "-O", f"shards={self.out / 'shards'}"]
        how = ["--chunksize", str(CHUNK), "--friends", "scores", "--no-plots", "--quiet", "-o", str(self.out)]
        self.outcome.starts += 1
        where = ["--cluster", cluster] if cluster else []
        command = ["run", *processor, *how, *where, *self.options]
        log = self.folder / "client.log"
        return client(command, log, as_root=self.as_root) if self.forked else own_client(command, log)

    def until_complete(
        self, cluster: Cluster | None, disturb: Callable[[int], None], mend: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Run with the fault; if the run ends incomplete, mend, and give the same command again."""
        began = time.monotonic()
        address = cluster.address if cluster else ""
        code = self._watch(self.start(address), cluster, disturb)
        for _ in range(3):
            if code == 0:
                break
            if (self.out / "summary.json").exists():
                self.outcome.named &= named_exactly(self.out, self.wanted)
            mend()
            code = self._watch(self.start(address), cluster, lambda _: None)
        if code == 0:
            self.outcome.comparison = compare(self.out, self.wanted)
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _watch(self, child: int, cluster: Cluster | None, disturb: Callable[[int], None]) -> int:
        deadline = time.monotonic() + LONGEST
        while (code := ended(child)) is None:
            if cluster:
                cluster.tend()
            disturb(child)
            time.sleep(0.02)
            if time.monotonic() > deadline:
                kill(child)
                os.waitpid(child, 0)
                return -1
        return code

    def chunks(self) -> int:
        """How many chunks have written something."""
        return len(list((self.out / "friends" / ".parts").glob("[!.]*.parquet")))
