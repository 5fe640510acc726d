"""How far a run is, in words: a bar and the counts on a terminal, plain lines in a log."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coffea_fm.running.progress.state import Snapshot

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_BAR_WIDTH = 40


def on_terminal(snapshot: Snapshot) -> RenderableType:
    """A bar with the remaining time, and the counts below."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(snapshot.title, style="bold blue"),
        ProgressBar(total=1.0, completed=snapshot.fraction, width=_BAR_WIDTH),
        f"{snapshot.fraction:4.0%}",
        _times(snapshot),
    )
    lines = [Text("  ".join(part), no_wrap=True, overflow="ellipsis") for part in _parts(snapshot)]
    return Group(bar, *lines)


def in_log(snapshot: Snapshot) -> str:
    """The same in plain lines."""
    first = f"{snapshot.title}: {snapshot.fraction:.0%}, {_times(snapshot)}"
    return "\n  ".join([first, *map(", ".join, _parts(snapshot))])


def _parts(snapshot: Snapshot) -> list[list[str]]:
    return [part for part in (_counts(snapshot), _stages(snapshot), _troubles(snapshot)) if part]


def _times(snapshot: Snapshot) -> str:
    elapsed = clock(snapshot.elapsed)
    if snapshot.done == snapshot.total or snapshot.remaining is None:
        return elapsed
    return f"{elapsed}, {clock(snapshot.remaining)} left"


def _counts(snapshot: Snapshot) -> list[str]:
    done = f"{short(snapshot.done)}/{short(snapshot.total)} {snapshot.unit}s"
    workers = f"{snapshot.workers} worker{'s' if snapshot.workers != 1 else ''}"
    if not snapshot.total_events:
        return [done, f"{short(snapshot.rate)} {snapshot.unit}s/s", workers]
    events = f"{short(snapshot.events)}/{short(snapshot.total_events)} events"
    return [events, f"{short(snapshot.rate)} events/s", done, workers]


def _stages(snapshot: Snapshot) -> list[str]:
    return [f"{name} {share:.0%}" for name, share in snapshot.shares.items() if share >= 0.005]


def _troubles(snapshot: Snapshot) -> list[str]:
    counts = {"failed": snapshot.failed, "retried": snapshot.retried}
    return [f"{short(count)} {name}" for name, count in counts.items() if count]


def short(number: float) -> str:
    """A number in at most seven characters: 0.5, 999,999, 12.3M."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.{2 if number < 10 * size else 1}f}{unit}"
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
