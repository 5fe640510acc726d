from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from coffea_fm.running import progress


@pytest.mark.parametrize("total", [9, 123_456])
def test_bar_count_and_remaining_time_stay_on_80_columns(monkeypatch, total):
    console = Console(width=80, file=StringIO(), force_terminal=False)
    monkeypatch.setattr(progress, "coffea_console", console)
    bar = progress.run_progress()
    clock = [0.0]
    bar.get_time = lambda: clock[0]
    tasks = [bar.add_task(name, total=total, unit="merges") for name in ("Reading headers", "Merging finished jobs")]
    for seconds in (10.0, 20.0):
        clock[0] = seconds
        for task in tasks:
            bar.advance(task, total // 3)
    console.print(bar.get_renderable())
    for line in console.file.getvalue().splitlines():
        assert len(line) <= 80
        assert f"{2 * (total // 3)}/{total}" in line
        assert re.search("0:00:20 < 0:00:1[01] .*[0-9.]+ merges/s$", line.rstrip())
        assert line.count("━") + line.count("╺") + line.count("╸") >= 3


def test_a_single_chunk_has_a_speed(monkeypatch):
    console = Console(width=80, file=StringIO(), force_terminal=False)
    monkeypatch.setattr(progress, "coffea_console", console)
    bar = progress.run_progress()
    clock = [0.0]
    bar.get_time = lambda: clock[0]
    task = bar.add_task("Processing", total=1, unit="chunk")
    console.print(bar.get_renderable())
    clock[0] = 2.0
    bar.advance(task)
    console.print(bar.get_renderable())
    before, after = console.file.getvalue().splitlines()
    assert before.rstrip().endswith("? chunk/s")
    assert after.rstrip().endswith(" 0.5 chunk/s")
