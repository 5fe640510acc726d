from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from coffea_fm.running.progress.state import Snapshot
from coffea_fm.running.progress.view import clock, in_log, on_terminal, short

SMALL = Snapshot("Processing", "chunk", 3, 12, 300, 1200, 150.0, 2.0, 6.0, 0, 0, 1, {"reading": 0.25, "filling": 0.75})
STAGES = dict.fromkeys(("loading", "opening", "reading", "tagging", "filling", "writing"), 1 / 6)
LARGE = Snapshot(
    "Processing", "chunk", 123_456, 999_999, 12_345_678_901, 98_765_432_109, 1_234_567.8, 100_000.0, 720_000.0, 123, 12_345,
    1234, STAGES,
)  # fmt: skip


def on(width, snapshot):
    console = Console(width=width, file=StringIO(), force_terminal=False)
    console.print(on_terminal(snapshot))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_three_lines_on_a_terminal():
    bar, counts, where = on(80, SMALL)
    assert bar.startswith("Processing ━━")
    assert bar.endswith(" 25% 0:00:02, 0:00:06 left")
    assert counts == "300/1,200 events  150 events/s  3/12 chunks  1 worker"
    assert where == "reading 25%  filling 75%"


def test_the_same_in_a_log():
    assert in_log(SMALL).splitlines() == [
        "Processing: 25%, 0:00:02, 0:00:06 left",
        "  300/1,200 events, 150 events/s, 3/12 chunks, 1 worker",
        "  reading 25%, filling 75%",
    ]


@pytest.mark.parametrize("lines", [on(80, LARGE), in_log(LARGE).splitlines()], ids=["terminal", "log"])
def test_large_runs_fit_on_80_columns(lines):
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    text = " ".join(lines)
    for part in ("27:46:40, 200:00:00 left", "12.3G/98.8G events", "1.23M events/s", "123,456/999,999 chunks", "1234 workers",
                 "writing 17%", "123 failed"):  # fmt: skip
        assert part in text


def test_nothing_is_known_at_the_start():
    start = Snapshot("Reading headers", "file", 0, 5, 0, 0, 0.0, 0.0, None, 0, 0, 1, {})
    assert in_log(start).splitlines() == ["Reading headers: 0%, 0:00:00", "  0/5 files, 0 files/s, 1 worker"]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (0.25, "0.2"), (7, "7"), (999_999, "999,999"), (1.5e6, "1.50M"), (2e13, "20.0T")]
)
def test_numbers_are_short(number, text):
    assert short(number) == text


def test_times():
    assert [clock(0.4), clock(59.6), clock(3661)] == ["0:00:00", "0:01:00", "1:01:01"]
