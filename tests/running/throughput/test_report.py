from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from coffea_fm.running.result import RunResult
from coffea_fm.running.throughput.account import Throughput
from coffea_fm.running.throughput.chunk import Chunk
from coffea_fm.running.throughput.report import write_throughput


class Cells(HTMLParser):
    """The text of each row of the tables."""

    def __init__(self):
        super().__init__()
        self.rows, self.text = [], []

    def handle_starttag(self, tag, _):
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        self.text.append(data)
        if self.rows and data.strip():
            self.rows[-1].append(data.strip())


@pytest.fixture
def result():
    measured = Throughput()
    for number in range(50):
        stages = {"opening": 1.0, "tagging": 2.0 + number % 7}
        file = f"root://host//data/<b>{number // 2:02}.root"
        measured += Throughput.of(
            Chunk("d", file, 0, 1000, began=1.7e9 + number, stages=stages, nbytes=10**6, worker=f"host/{number % 3}")
        )
    measured.repeated = 4
    skipped = {"gone.root": "cannot read gone.root: it is absent"}
    return RunResult({}, {"d": 50_000}, 25.0, 25, 50, skipped=skipped, throughput=measured, processor={"class": "Tag"})


def test_the_page_and_the_numbers_agree(result, tmp_path):
    paths = write_throughput(result, tmp_path)
    assert [path.name for path in paths] == ["throughput.json", "throughput.html"]
    numbers = json.loads(paths[0].read_text())
    assert (numbers["events_per_second"], len(numbers["files"])) == (2000.0, 25)
    assert sum(events for _, events in numbers["timeline"]["events"]) == 50_000
    page = Cells()
    page.feed(paths[1].read_text())
    slowest = min(numbers["files"], key=lambda name: numbers["files"][name]["events_per_second"])
    files = [row for row in page.rows if row and row[0].endswith(".root")]
    assert len(files) == 20
    about = numbers["files"][slowest]
    assert files[0][1:] == ["2,000", "2", f"{about['seconds']:.1f}", f"{about['events_per_second']:,.0f}", "0"]
    text = " ".join(page.text)
    for part in (
        "50,000",
        "4 chunks were begun again",
        "Skipped: gone.root",
        "All are in root://host//data/.",
        "5 more",
    ):
        assert part in text
    assert "&lt;b&gt;" in paths[1].read_text()  # names of files are not markup


def test_a_run_of_which_nothing_was_measured_has_a_page(tmp_path):
    only_failed = Throughput.of(Chunk("d", "a.root", 0, 10, state="failed"))
    page, _ = write_throughput(RunResult({}, {}, 1.0, 0, 0, throughput=only_failed), tmp_path)
    assert json.loads(page.read_text())["workers_time"]["failed_chunks"] == 1
    assert "Timeline" not in (tmp_path / "throughput.html").read_text()
