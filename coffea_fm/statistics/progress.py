"""Progress of long series of fits, with the remaining time, on the terminal's error stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
_shown: ContextVar[Progress | None] = ContextVar("_shown", default=None)


@contextmanager
def showing_progress() -> Iterator[None]:
    """Show every series that is tracked within, one line each while it lasts."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("<"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        token = _shown.set(progress)
        try:
            yield
        finally:
            _shown.reset(token)


def tracked(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Iterate over a series of fits; show how far it is if progress is shown."""
    progress = _shown.get()
    if progress is None:
        yield from items
        return
    task = progress.add_task(description, total=len(items))
    try:
        for item in items:
            yield item
            progress.advance(task)
    finally:
        progress.remove_task(task)
