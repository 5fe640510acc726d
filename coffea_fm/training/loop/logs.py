"""What a training writes about itself: a CSV file and a progress bar."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from coffea_fm.files import atomic


class CSVLog:
    """A table with a row every few steps.

    Parameters
    ----------
    path : Path
        The file; rows after `step` are removed from it, so that a resumed run leaves no row twice.
    names : sequence of str
        Columns besides ``step``.
    step : int
        Steps done before.
    """

    def __init__(self, path: Path, names: Sequence[str], step: int) -> None:
        self._path = path
        self._names = ["step", *names]
        rows = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row; columns without a value stay empty."""
        row = {name: f"{value:.6g}" for name, value in values.items()}
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._names, restval="").writerow({"step": step, **row})
            file.flush()
            os.fsync(file.fileno())


class Bar:
    """How many jets were seen, and the latest numbers."""

    def __init__(self, progress: Progress, total: int, done: int, name: str) -> None:
        self._progress = progress
        self._numbers: dict[str, float] = {}
        self._task = progress.add_task(name, total=total, completed=done, numbers="")

    def advance(self, jets: int) -> None:
        """Count jets that were seen."""
        self._progress.advance(self._task, jets)

    def show(self, numbers: Mapping[str, float]) -> None:
        """Replace the numbers of these names beside the bar."""
        self._numbers |= numbers
        text = "  ".join(f"{name} {value:.4g}" for name, value in self._numbers.items())
        self._progress.update(self._task, numbers=text)


@contextmanager
def progress_bar(name: str, total: int, done: int, *, visible: bool) -> Iterator[Bar]:
    """A bar on the terminal's error stream while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("jets"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as progress:
        yield Bar(progress, total, done, name)
