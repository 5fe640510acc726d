"""The throughput of a run as ``throughput.json`` and one page."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from coffea_fm.evaluation.tables import Table
from coffea_fm.files import atomic
from coffea_fm.running.progress.view import clock, short
from coffea_fm.running.throughput.account import Part, Throughput

if TYPE_CHECKING:
    from coffea_fm.running.result import RunResult

PAGE = "throughput.html"
_ROWS = 20
"""Rows of a table on the page; throughput.json has all."""
_BARS = 80
_STAGES = {
    "loading": "unpickling the processor, loading bundles and models",
    "opening": "opening the file and finding its columns",
    "reading": "reading columns when they are needed",
    "tagging": "running taggers, without the reading that they cause",
    "filling": "everything else in the processor: selections, weights, histograms",
    "writing": "writing shards and friend files",
}


def write_throughput(result: RunResult, folder: Path) -> list[Path]:
    """Write ``throughput.json`` and ``throughput.html``; returns their paths."""
    contents = {"throughput.json": json.dumps(as_json(result), indent=2) + "\n", PAGE: render_throughput(result)}
    for name, content in contents.items():
        with atomic(folder / name) as path:
            path.write_text(content)
    return [folder / name for name in contents]


def as_json(result: RunResult) -> dict[str, Any]:
    """All numbers of the page, of every file."""
    measured = result.throughput
    return {
        "wall_seconds": round(result.seconds, 3),
        "events_per_second": _wall_rate(result),
        "workers_time": measured.summary(),
        "files": {name: part.summary() for name, part in measured.files.items()},
        "skipped": result.skipped,
        "timeline": {"seconds_per_bin": measured.timeline.width, "events": measured.timeline.bins()},
    }


def render_throughput(result: RunResult) -> str:
    """The page as HTML."""
    loader = ChoiceLoader(
        [PackageLoader("coffea_fm.running.throughput", "."), PackageLoader("coffea_fm.evaluation", ".")],
    )
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html.jinja")
    measured = result.throughput
    return page.render(
        title=result.processor.get("class", "Run"),
        tiles=_tiles(result),
        warnings=_warnings(result),
        shares=measured.shares(),
        bars=_bars(measured),
        tables=[
            _stage_table(measured),
            _part_table("Files, slowest first", "file", measured.files, _common_folder(measured.files)),
            _part_table("Workers, slowest first", "worker", measured.workers),
            _slowest_table(measured),
        ],
    )


def _wall_rate(result: RunResult) -> float:
    return round(result.throughput.total.events / max(result.seconds, 1e-9), 1)


def _tiles(result: RunResult) -> dict[str, str]:
    measured = result.throughput
    return {
        "events": f"{result.n_events:,}",
        "events/s": short(_wall_rate(result)),
        "wall time": clock(result.seconds),
        "time of the workers": clock(measured.total.seconds),
        "workers": str(len(measured.workers)),
        "chunks": f"{result.chunks:,}",
        "read from the files": f"{measured.total.nbytes / 1e6:,.1f} MB",
        "retries": str(measured.retries),
    }


def _warnings(result: RunResult) -> list[str]:
    measured = result.throughput
    kept = f"{measured.kept.chunks} chunks of {measured.kept.events:,} events were taken from checkpoints."
    again = f"{measured.repeated} chunks were begun again, because their worker died or their result was lost."
    return [
        *([kept] if measured.kept.chunks else []),
        *([again] if measured.repeated else []),
        *(f"Skipped: {what}: {why}" for what, why in result.skipped.items()),
        *(f"Missing: {entries}" for entries in result.missing),
    ]


def _stage_table(measured: Throughput) -> Table:
    rows = [
        (name, _STAGES[name], f"{measured.stages[name]:.1f}", f"{share:.1%}")
        for name, share in measured.shares().items()
    ]
    return Table("Stages", ("stage", "what it is", "seconds of the workers", "share"), tuple(rows))


def _part_table(title: str, kind: str, parts: Mapping[str, Part], folder: str = "") -> Table:
    """Rows of files or workers; `folder` is left out of their names, and named below."""
    slowest = sorted(parts.items(), key=lambda item: item[1].rate)
    rows = [
        (
            name.removeprefix(folder),
            f"{part.events:,}",
            str(part.chunks),
            f"{part.seconds:.1f}",
            f"{part.rate:,.0f}",
            str(part.retries),
        )
        for name, part in slowest[:_ROWS]
    ]
    left = len(parts) - len(rows)
    notes = [f"All are in {folder}."] if folder else []
    notes += [f"{left} more are in throughput.json."] if left > 0 else []
    columns = (kind, "events", "chunks", "seconds", "events/s of one worker", "retries")
    return Table(title, columns, tuple(rows), " ".join(notes))


def _common_folder(names: Collection[str]) -> str:
    """What the names of all files begin with, up to a slash."""
    if len(names) < 2:
        return ""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    folder, slash, _ = "".join(letter for letter, _ in same).rpartition("/")
    return folder + slash


def _slowest_table(measured: Throughput) -> Table:
    folder = _common_folder(measured.files)
    rows = [
        (
            chunk.name.removeprefix(folder),
            chunk.worker,
            f"{chunk.seconds:.2f}",
            max(chunk.stages, key=lambda name: chunk.stages[name]),
        )
        for chunk in measured.slowest
    ]
    return Table("Slowest chunks", ("chunk", "worker", "seconds", "mostly"), tuple(rows))


def _bars(measured: Throughput) -> dict[str, Any]:
    """The timeline as bars of at most the same number."""
    bins = measured.timeline.bins()
    if not bins:
        return {}
    each = -(-len(bins) // _BARS)
    width = each * measured.timeline.width
    sums = [sum(events for _, events in bins[at : at + each]) for at in range(0, len(bins), each)]
    rates = [events / width for events in sums]
    times = [datetime.fromtimestamp(bins[at][0]).strftime("%H:%M:%S") for at in (0, -1)]
    return {"heights": [rate / max(rates) for rate in rates], "top": short(max(rates)), "times": times, "width": width}
