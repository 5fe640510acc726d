"""Processors on a dask cluster whose workers were started elsewhere and do not have the processor's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made import make_bundle, make_nano
from typer.testing import CliRunner

from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.cli import main

PROCESSOR = """
import os
import awkward as ak
import hist
from coffea.processor import ProcessorABC
import coffea_fm
from beside import double

class Own(ProcessorABC):
    def __init__(self, bundle, collection="FatJet"):
        self.tagger, self.collection = coffea_fm.load(bundle), collection

    def process(self, events):
        scores = self.tagger(events[self.collection])
        histogram = hist.Hist(hist.axis.Regular(10, 0, 1, name="score")).fill(ak.flatten(scores.Hbb))
        return {"score": histogram, "twice": double(len(events)), "where": {os.getcwd()}, "process": {os.getpid()}}

    def postprocess(self, accumulator): ...
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a processor, a module it imports, a bundle, and a fileset of which one file is truncated."""
    (tmp_path / "own.py").write_text(PROCESSOR)
    (tmp_path / "beside.py").write_text("def double(number):\n    return 2 * number\n")
    make_bundle(tmp_path / "counting", tmp_path.name)
    for number in range(3):
        make_nano(tmp_path / f"f{number}.root", 60, number)
    (tmp_path / "bad.root").write_bytes((tmp_path / "f0.root").read_bytes()[:20_000])
    (tmp_path / "fileset.json").write_text(json.dumps({"good": ["f*.root"], "half": ["bad.root"]}))
    return tmp_path


def run(own: Path, output: str, *arguments: str) -> tuple[int, dict[str, object], str]:
    command = ["run", str(own / "own.py"), str(own / "fileset.json"), "-O", f"bundle={own / 'counting'}", "--json"]
    result = CliRunner().invoke(
        main, [*command, "-o", str(own / output), "--no-plots", "--chunksize", "30", *arguments]
    )
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr


def test_workers_elsewhere_give_what_this_process_gives(own: Path, cluster: str) -> None:
    here = run(own, "here", "--skip-bad-files")
    there = run(own, "there", "--skip-bad-files", "--cluster", cluster)
    assert here[0] == there[0] == 0, there[2]
    for key in ("events_by_dataset", "files", "chunks", "skipped", "columns"):
        assert here[1][key] == there[1][key]
    assert there[1]["events_by_dataset"] == {"good": 180}
    assert list(there[1]["skipped"]) == [str(own / "bad.root")]
    assert read_histograms(own / "here" / "histograms.zip") == read_histograms(own / "there" / "histograms.zip")
    counts = json.loads((own / "there" / "cutflow.json").read_text())
    assert counts["twice"] == 360
    assert all("elsewhere" in folder for folder in counts["where"])
    assert len(counts["process"]) == 2


def test_a_failure_on_a_worker_is_one_sentence_here(own: Path, cluster: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, message = run(own, "none", "--skip-bad-files", "--cluster", cluster, "-O", "collection=FatJett")
    assert code == 1
    assert message.startswith("coffea-fm: processing ")
    assert "no field 'FatJett'" in message
    assert len(message.splitlines()) == 1
    assert "Traceback" not in "".join(capfd.readouterr())
    assert not (own / "none" / "cutflow.json").exists()


def test_a_worker_without_the_bundle_says_so_and_no_file_is_skipped_for_it(own: Path, cluster: str) -> None:
    (own / "own.py").write_text(
        PROCESSOR + "\n    def __getstate__(self):\n        import shutil\n"
        "        shutil.rmtree(self.tagger.source, ignore_errors=True)\n        return self.__dict__\n"
    )
    make_bundle(own / "counting", f"lost-{own.name}")
    code, _, message = run(own, "none", "--skip-bad-files", "--cluster", cluster)
    assert (code, len(message.splitlines())) == (1, 1)
    assert str(own / "counting") in message


def test_a_silent_scheduler_is_one_sentence(own: Path) -> None:
    (own / "cluster.yaml").write_text("wait: 0.5")
    arguments = ["--cluster", "tcp://127.0.0.1:9", "--cluster-config", str(own / "cluster.yaml")]
    code, _, message = run(own, "none", *arguments)
    assert (code, len(message.splitlines())) == (1, 1)
    assert "no dask scheduler answers at tcp://127.0.0.1:9" in message


def test_a_local_cluster_runs_the_shipped_processor_in_processes(own: Path) -> None:
    command = ["run", "tag_jets", str(own / "f0.root"), str(own / "f1.root"), "-O", f"bundle={own / 'counting'}"]
    options = ["--cluster", "local", "--workers", "2", "-o", str(own / "out"), "--no-plots", "--json"]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["events"] == 120
    assert "discriminant/Hbb_vs_QCD" in read_histograms(own / "out" / "histograms.zip")
