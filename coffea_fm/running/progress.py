"""The progress of a run: count and remaining time stay on a terminal of 80 columns, and the bar takes what is left."""

from __future__ import annotations

from coffea.util import SpeedColumn, coffea_console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

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
        SpeedColumn(".1f", table_column=_fixed(justify="right")),
        TextColumn("[progress.data.speed]{task.fields[unit]}/s", table_column=_fixed()),
        auto_refresh=False,
        console=coffea_console,
    )


def _fixed(**options: object) -> Column:
    """A column that gives up no width while the bar can."""
    return Column(no_wrap=True, overflow="ellipsis", **options)  # type: ignore[arg-type]
