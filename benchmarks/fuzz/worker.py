"""Load inputs one after the other, with bounded memory, and say what became of each."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).parents[2]
MOST_BYTES = 2**30
MOST_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Parameters
    ----------
    kind, index : str and int
        Which one: its random numbers follow from these.
    what : str
        ``loaded``, ``refused``, or the fault.
    message : str
        Of the error.
    seconds : float
        CPU time.
    mebibytes : float
        Highest resident memory above that before.
    """

    kind: str
    index: int
    what: str
    message: str = ""
    seconds: float = 0.0
    mebibytes: float = 0.0


def work(pipe: Connection) -> None:
    """Answer questions ``(kind, index)`` with an `Outcome`, until there are no more; without an index, only prepare."""
    sys.path[:0] = [str(PROJECT / "tests" / "helpers"), str(Path(__file__).parent)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kinds import SHARES, kind_named

        prepared: dict[str, object] = {}
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            pipe.send({name: share for shares in SHARES.values() for name, share in shares.items()})
            while (question := pipe.recv()) is not None:
                kind = kind_named(question[0])
                if kind.name not in prepared:
                    seeds = Path(folder) / f"seeds{len(prepared)}"
                    seeds.mkdir()
                    prepared[kind.name] = kind.prepare(seeds)
                    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                    _once(kind, prepared[kind.name], 0, Path(folder))  # what is imported then takes memory, too
                    _bound_memory()
                index = question[1]
                pipe.send(None if index is None else _once(kind, prepared[kind.name], index, Path(folder)))


def _once(kind: object, prepared: object, index: int, where: Path) -> Outcome:
    rng = np.random.default_rng([zlib.crc32(kind.name.encode()), index])  # type: ignore[attr-defined]
    folder = where / "input"
    folder.mkdir()
    try:
        _make(kind, prepared, rng, folder)
        before = _reset_peak()
        start = time.process_time()
        what, message = _load(kind, prepared, folder)
        seconds = time.process_time() - start
        mebibytes = max(_peak() - before, 0) / 2**20
        if what in ("loaded", "refused"):
            if seconds > MOST_SECONDS:
                what = "slow"
            elif mebibytes * 2**20 > MOST_BYTES:
                what = "memory"
        if what not in ("loaded", "refused") and (kept := os.environ.get("FUZZ_KEEP")):
            shutil.copytree(folder, Path(kept) / kind.name.replace(" ", "-") / str(index), dirs_exist_ok=True)  # type: ignore[attr-defined]
        return Outcome(kind.name, index, what, message, seconds, mebibytes)  # type: ignore[attr-defined]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(kind: object, prepared: object, rng: np.random.Generator, folder: Path) -> None:
    """Some changes are too deep to be written down: then others are taken."""
    while True:
        try:
            return kind.make(prepared, rng, folder)  # type: ignore[attr-defined, no-any-return]
        except (RecursionError, UnicodeError, ValueError, TypeError, AssertionError, KeyError):
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _load(kind: object, prepared: object, folder: Path) -> tuple[str, str]:
    from coffea_fm.errors import CoffeaFMError

    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123
            kind.load(prepared, folder)  # type: ignore[attr-defined]
    except CoffeaFMError as error:
        text = str(error)
        return ("refused", text) if text and len(text) < 20_000 else ("message", text[:200])
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "coffea_fm" in frame.filename and "/benchmarks/" not in frame.filename]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        return type(error).__name__, f"{place}: {str(error)[:300]}"
    return "loaded", ""


def _bound_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, resource.RLIM_INFINITY))


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0
