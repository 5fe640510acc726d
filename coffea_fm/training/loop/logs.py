"""What a training writes about itself: a CSV file, TensorBoard, and a progress bar."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from coffea_fm.files import atomic

_NAME_WIDTH = 24


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


class Logs:
    """All that one training writes, from one process only.

    Parameters
    ----------
    folder : Path
        Of the run.
    metrics : sequence of str
        Names of the method's numbers.
    step : int
        Steps done before.
    """

    def __init__(self, folder: Path, metrics: Sequence[str], step: int) -> None:
        numbers = [f"{stage}_{name}" for stage in ("train", "validation") for name in metrics]
        numbers += ["validation_embedding_rank", "validation_embedding_spread"]
        names = ["seen", "epoch", "lr", "gradient_norm", "seen_per_second", *numbers]
        self._csv = CSVLog(folder / "log.csv", names, step)
        self._tensorboard = TensorBoardLogger(folder, "tensorboard", "", purge_step=step + 1)

    def write(self, step: int, place: Mapping[str, float], numbers: Mapping[str, float]) -> None:
        """Add numbers after a step; `place` says how far the training is."""
        self._csv.write(step, {**place, **numbers})
        self._tensorboard.log_metrics(dict(numbers), step)

    def close(self) -> None:
        """Write what is still in memory."""
        self._tensorboard.finalize("success")


class TrainingProgress(Progress):
    """A line with bar, count and remaining time that stay on 80 columns; the numbers have lines of their own below.

    Parameters
    ----------
    unit : str
        What is counted.
    console : Console
    visible : bool
    """

    def __init__(self, unit: str, console: Console, *, visible: bool = True) -> None:
        self.numbers = ""
        kept = partial(Column, no_wrap=True)
        super().__init__(
            TextColumn("{task.description}", table_column=kept(max_width=_NAME_WIDTH, overflow="ellipsis")),
            BarColumn(bar_width=None),
            MofNCompleteColumn(table_column=kept()),
            TextColumn(unit, table_column=kept()),
            TimeRemainingColumn(table_column=kept()),
            console=console,
            disable=not visible,
        )

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bar, and below it the numbers."""
        yield self.make_tasks_table(self.tasks)
        if self.numbers:
            yield Text(self.numbers, style="dim")


class Bar:
    """How many jets or events were seen, and the latest numbers."""

    def __init__(self, progress: TrainingProgress, total: int, done: int, name: str) -> None:
        self._progress = progress
        self._numbers: dict[str, float] = {}
        self._task = progress.add_task(name, total=total, completed=done)

    def advance(self, seen: int) -> None:
        """Count what was seen."""
        self._progress.advance(self._task, seen)

    def show(self, numbers: Mapping[str, float]) -> None:
        """Replace the numbers of these names below the bar."""
        self._numbers |= numbers
        self._progress.numbers = "  ".join(f"{name}\u00a0{value:.4g}" for name, value in self._numbers.items())


@contextmanager
def progress_bar(name: str, total: int, done: int, *, unit: str = "jets", visible: bool) -> Iterator[Bar]:
    """A bar on the terminal's error stream while the block runs."""
    with TrainingProgress(unit, Console(stderr=True), visible=visible) as progress:
        yield Bar(progress, total, done, name)
