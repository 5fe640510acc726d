"""What a folder of checkpoints holds, and how to get rid of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from coffea_fm.errors import InputError
from coffea_fm.running.checkpoints.store import RUN, SUFFIX

_NAME = re.compile(r"[0-9a-f]{24}-[0-9a-f]{8}")
_DAY = 86400.0


@dataclass(frozen=True)
class KeptRun:
    """Finished chunks of one run.

    Parameters
    ----------
    folder : Path
        Where they are.
    processor : str
        Name of its class.
    chunks, expected : int
        How many are kept, and how many the run has.
    bytes : int
        Size of them all.
    last_used : float
        When the last of them was written, or the run last started, in seconds since 1970.
    """

    folder: Path
    processor: str
    chunks: int
    expected: int
    bytes: int
    last_used: float

    @property
    def age(self) -> float:
        """Days since it was used."""
        return max(time.time() - self.last_used, 0.0) / _DAY


def list_checkpoints(folder: str | os.PathLike[str]) -> list[KeptRun]:
    """The runs that are kept in a folder, the most recent first.

    A run with another processor, configuration, model or coffea-fm is a run of its own.

    Parameters
    ----------
    folder : path-like
        As given to ``--checkpoints``.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"there is no folder {place}: give the one that --checkpoints named")
    # other folders are not ours, and are neither listed nor removed
    runs = [_read(each) for each in place.iterdir() if _NAME.fullmatch(each.name) and (each / RUN).is_file()]
    return sorted(runs, key=lambda run: -run.last_used)


def clean_checkpoints(folder: str | os.PathLike[str], older_than: float = 0.0) -> list[KeptRun]:
    """Remove the checkpoints of runs. One that is still going on processes again what it needs.

    Parameters
    ----------
    folder : path-like
        As given to ``--checkpoints``. Other files in it stay.
    older_than : float
        Only of runs that were not used for so many days.

    Returns
    -------
    list of KeptRun
        What was removed.

    Raises
    ------
    InputError
        If there is no such folder, or it cannot be written to.
    """
    removed = [run for run in list_checkpoints(folder) if run.age >= older_than]
    for run in removed:
        try:
            shutil.rmtree(run.folder)
        except OSError as error:
            raise InputError(f"cannot remove {run.folder}: {error.strerror}") from error
    return removed


def _read(folder: Path) -> KeptRun:
    states = [path.stat() for path in folder.glob(f"*{SUFFIX}")]
    note = folder / RUN
    try:
        about = json.loads(note.read_text())
        processor, expected = str(about["processor"]), int(about["chunks"])
    except (OSError, ValueError, KeyError, TypeError):
        processor, expected = "unknown", 0
    used = max([note.stat().st_mtime, *(state.st_mtime for state in states)])
    return KeptRun(folder, processor, len(states), expected, sum(state.st_size for state in states), used)
