"""Runs as they are seen, on each executor."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.progress import watch
from coffea_fm.running.progress.state import RunState
from coffea_fm.running.throughput.chunk import Chunk


@pytest.mark.parametrize(
    "keywords", [{}, {"workers": 2}, {"workers": 2, "cluster": "local"}], ids=["here", "pool", "dask"]
)
def test_chunks_and_events_are_counted_on_every_executor(processor, nano, tmp_path, capsys, keywords):
    result = coffea_fm.run(str(processor), nano, tmp_path / "out", chunksize=10, plots=False, **keywords)
    lines = capsys.readouterr().err.splitlines()
    assert "\x1b" not in "".join(lines)
    number = keywords.get("workers", 1)
    shown = [line for line in lines if "events/s" in line]
    assert re.fullmatch(rf"  60/60 events, [\d.,]+ events/s, 6/6 chunks, {number} workers?", shown[-1])
    assert re.search(r"opening \d+%.* filling \d+%", lines[-1])
    assert (result.throughput.total.events, result.throughput.total.chunks) == (60, 6)
    assert 1 <= len(result.throughput.workers) <= number
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["throughput"] == result.throughput.summary()
    assert {"opening", "reading", "filling"} <= set(summary["throughput"]["share"])
    assert [Path(path).name for path in summary["written"]["throughput"]] == [
        "throughput.json",
        "throughput.html",
    ]


def test_quiet_shows_nothing(processor, nano, capfd):
    result = coffea_fm.run(str(processor), nano, chunksize=30, quiet=True)
    assert capfd.readouterr() == ("", "")
    assert result.throughput.total.chunks == 2


def test_a_chunk_whose_worker_dies_is_counted_as_retried(nano, tmp_path):
    """dask starts it again on another worker."""
    mark = tmp_path / "died"
    source = tmp_path / "dies.py"
    source.write_text(
        "import os, time\nfrom pathlib import Path\nfrom coffea.processor import ProcessorABC\n"
        "class Dies(ProcessorABC):\n"
        "    def process(self, events):\n"
        f"        mark = Path({str(mark)!r})\n"
        "        if events.metadata['entrystart'] and not mark.exists():\n"
        "            mark.touch()\n"
        "            time.sleep(0.5)\n"
        "            os._exit(1)\n"
        "        return {'events': len(events)}\n"
        "    def postprocess(self, accumulator):\n"
        "        return accumulator\n"
    )
    result = coffea_fm.run(str(source), nano, chunksize=30, cluster="local", workers=2, quiet=True)
    assert mark.exists()
    assert result.output["events"] == 60
    assert result.throughput.repeated >= 1
    assert result.summary()["throughput"]["retries"] == result.throughput.repeated


def test_skipped_and_kept_chunks_are_in_the_account(processor, damaged, tmp_path):
    keywords = {"chunksize": 100, "skip_bad_files": True, "quiet": True, "checkpoints": tmp_path / "kept"}
    first = coffea_fm.run(str(processor), damaged, **keywords).throughput
    assert (first.total.events, first.failed.events, first.failed.retries, first.kept.events) == (100, 100, 2, 0)
    again = coffea_fm.run(str(processor), damaged, **keywords).throughput
    assert (again.total.events, again.failed.events, again.kept.events) == (0, 100, 100)


def test_a_log_has_few_lines(capsys):
    clock = [0.0]
    state = RunState("Processing", "chunk", [100] * 1000, clock=lambda: clock[0])
    with watch._shown(state) as display:
        for number in range(1000):
            clock[0] += 10.0
            state.add(Chunk("d", str(number), 0, 100, began=clock[0] - 10, stages={"filling": 10.0}))
            display.show(state.snapshot())
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Processing")]
    assert 10 <= len(lines) <= 50
    assert lines[0] == "Processing: 0%, 0:00:10, 2:46:30 left"
    assert lines[-1] == "Processing: 100%, 2:46:40"


def test_the_performance_report_of_dask_needs_dask(processor, nano, tmp_path):
    with pytest.raises(RecipeError, match=r"--performance-report .*dask\.html is a report of dask.*give a --cluster"):
        coffea_fm.run(str(processor), nano, performance_report=tmp_path / "dask.html")


def test_the_performance_report_without_bokeh_is_refused_before_a_cluster_starts(monkeypatch):
    monkeypatch.setattr("coffea_fm.running.options.find_spec", {}.get)
    with pytest.raises(InputError, match=r"needs bokeh, .*pip install 'coffea-fm\[dashboard\]'"):
        coffea_fm.RunOptions(cluster="slurm", performance_report="dask.html")


def test_dask_writes_its_performance_report(processor, nano, tmp_path):
    pytest.importorskip("bokeh", reason="dask's performance report needs bokeh")
    path = tmp_path / "new" / "dask.html"
    coffea_fm.run(str(processor), nano, cluster="local", performance_report=path, quiet=True)
    assert "Dask Performance Report" in path.read_text()
