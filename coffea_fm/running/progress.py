"""The progress of a run: count and remaining time stay on a terminal of 80 columns, and the bar takes what is left."""

from __future__ import annotations

from coffea.util import SpeedColumn, coffea_console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

_NAME_WIDTH = 21


def run_progress() -> Progress:
    """In place of coffea's own, which cuts the remaining time where the counts are long."""
    return Progress(
        TextColumn("[bold blue]{task.description}", table_column=_fixed(max_width=_NAME_WIDTH, justify="right")),
        TextColumn("[progress.percentage]{task.percentage:>3.0f}%"),
        BarColumn(bar_width=None),
        TextColumn("[bold blue]{task.completed}/{task.total}", table_column=_fixed(justify="right")),
        TimeElapsedColumn(table_column=_fixed()),
        TextColumn("<"),
        TimeRemainingColumn(table_column=_fixed()),
        _Speed(".1f", table_column=_fixed(justify="right")),
        TextColumn("[progress.data.speed]{task.fields[unit]}/s", table_column=_fixed()),
        auto_refresh=False,
        console=coffea_console,
    )


class _Speed(SpeedColumn):  # type: ignore[misc]
    """Rich measures the speed between two updates, so a single step has none: show the mean speed instead."""

    def render(self, task: Task) -> Text:
        if task.finished_speed or task.speed or not (task.completed and task.elapsed):
            shown: Text = super().render(task)
            return shown
        return Text(f"{task.completed / task.elapsed:{self.fmt}}", style="progress.data.speed")


def _fixed(**options: object) -> Column:
    """A column that gives up no width while the bar can."""
    return Column(no_wrap=True, overflow="ellipsis", **options)  # type: ignore[arg-type]
