from __future__ import annotations

import csv
from pathlib import Path

from coffea_fm.training.loop.logs import CSVLog


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
