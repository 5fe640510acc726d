from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from coffea_fm.training.loop.logs import Bar, CSVLog, TrainingProgress


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_with_gaps(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "log.csv", ["loss", "accuracy"], 0)
    log.write(1, {"loss": 0.123456789})
    log.write(2, {"accuracy": 0.5})
    assert rows(tmp_path / "log.csv") == [
        {"step": "1", "loss": "0.123457", "accuracy": ""},
        {"step": "2", "loss": "", "accuracy": "0.5"},
    ]


def test_resuming_drops_what_will_come_again(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "log.csv", ["loss"], 0)
    for step in (1, 2, 3):
        log.write(step, {"loss": step})
    CSVLog(tmp_path / "log.csv", ["loss"], 2).write(3, {"loss": 30})
    assert [(row["step"], row["loss"]) for row in rows(tmp_path / "log.csv")] == [("1", "1"), ("2", "2"), ("3", "30")]


@pytest.mark.parametrize(("name", "total"), [("mine", 1000), ("jet-classifier-small-with-pairs-and-more", 123_456_789)])
def test_bar_count_and_remaining_time_stay_on_80_columns(name: str, total: int) -> None:
    console = Console(width=80, file=StringIO(), force_terminal=False)
    progress = TrainingProgress("events", console)
    progress.get_time = lambda: 0.0
    bar = Bar(progress, total, 0, name)
    progress.get_time = lambda: 10.0
    bar.advance(total // 4)
    progress.get_time = lambda: 20.0
    bar.advance(total // 4)
    numbers = {f"validation_metric_{index}": 0.123456 for index in range(12)}
    bar.show(numbers)
    console.print(progress.get_renderable())
    first, *below = console.file.getvalue().splitlines()
    assert max(map(len, [first, *below])) <= 80
    assert f"{total // 2}/{total} events" in first
    assert re.search(r" 0:00:2[01]$", first.rstrip())
    assert first.count("━") + first.count("╸") + first.count("╺") >= 10
    assert " ".join(below).count("0.1235") == len(numbers)
