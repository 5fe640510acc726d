"""coffea-fm on a real Slurm: the same results as in this process, and the errors of jobs that do not live."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from own_slurm import Slurm
from typer.testing import CliRunner

from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.cli import main

SLURM = ["--cluster", "slurm", "--cluster-config", "slurm.yaml"]
SLOW = """
import os
import time
from pathlib import Path
from coffea.processor import ProcessorABC


class Slow(ProcessorABC):
    def __init__(self, notes):
        self.notes = Path(notes)

    def process(self, events):
        (self.notes / f"{os.environ['SLURM_JOB_ID']}-{time.monotonic_ns()}").touch()
        time.sleep(1.5)
        return {"events": len(events), "jobs": {os.environ["SLURM_JOB_ID"]}}

    def postprocess(self, accumulator): ...
"""


def call(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_run_gives_what_this_process_gives(slurm: Slurm, work: Path) -> None:
    command = [
        "run",
        "tag_jets",
        "f0.root",
        "f1.root",
        "-O",
        "bundle=counting",
        "--no-plots",
        "--chunksize",
        "40",
        "--json",
    ]
    here = call(*command, "-o", "here")
    there = call(*command, "-o", "there", *SLURM, "--workers", "2")
    assert here[0] == there[0] == 0, there[2]
    ours, theirs = (read_histograms(work / place / "histograms.zip") for place in ("here", "there"))
    assert ours.keys() == theirs.keys()
    for name, histogram in ours.items():
        for dataset in ("f0", "f1"):
            one, two = (found[{"dataset": dataset}].view(flow=True) for found in (histogram, theirs[name]))
            assert one.tolist() == two.tolist()
    assert json.loads((work / "here/cutflow.json").read_text()) == json.loads((work / "there/cutflow.json").read_text())
    deadline = time.monotonic() + 20
    while slurm.call("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not slurm.call("squeue", "--noheader")


@pytest.mark.filterwarnings("ignore:Attempting to set identical low and high xlims")  # few jets
@pytest.mark.usefixtures("slurm")
def test_collect_evaluate_and_simulate_run_there(work: Path) -> None:
    for place, options in (("here", []), ("there", SLURM)):
        code, _, error = call("collect", "f0.root", "-o", f"{place}-shards", "--chunksize", "60", *options)
        assert code == 0, error
    here, there = (sorted((work / f"{place}-shards").glob("*.parquet")) for place in ("here", "there"))
    assert [path.name for path in here] == [path.name for path in there]
    assert all(pq.read_table(one).equals(pq.read_table(two)) for one, two in zip(here, there, strict=True))

    told = []
    for place, options in (("here", []), ("there", SLURM)):
        code, text, error = call("evaluate", "counting", "f0.root", "f1.root", "-o", place, "--json", *options)
        assert code == 0, error
        told.append(json.loads(text))
    assert told[0]["jets"] == told[1]["jets"] > 100
    assert told[0]["accuracy"] == told[1]["accuracy"]

    sample = ["--classes", "QCD,Hbb", "--jets-per-class", "3", "--jets-per-file", "3"]
    code, text, error = call("simulate", "jets", "sample", *sample, *SLURM)
    assert code == 0, error
    assert sorted(path.name for path in (work / "sample").glob("*.root")) == ["Hbb_0000.root", "QCD_0000.root"]


@pytest.mark.usefixtures("slurm", "work")
def test_the_doctor_examines_a_job() -> None:
    code, text, error = call("doctor", "counting", "f0.root", *SLURM)
    assert code == 0, text + error
    assert "differ by 0.0e+00" in text
    assert "1 of " in text
    assert "OMP_NUM_THREADS=1" in text
    assert re.search(r"predicted before the first chunk, of 0\.9\d GiB \(the memory_limit of the dask worker\)", text)


def interrupted(slurm: Slurm, work: Path, after: int, *, closed: bool = False) -> tuple[str, int, str]:
    """Run slowly, and cancel a job after some chunks; gives the cancelled job, exit code and error."""
    (work / "slow.py").write_text(SLOW)
    (work / "notes").mkdir()
    cancelled = []

    def cancel() -> None:
        deadline = time.monotonic() + 120
        while len(list((work / "notes").iterdir())) < after and time.monotonic() < deadline:
            time.sleep(0.2)
        cancelled.extend(note.name.partition("-")[0] for note in (work / "notes").iterdir())
        if closed:
            slurm.call("scontrol", "update", "PartitionName=short", "State=DOWN")
        slurm.call("scancel", cancelled[0])

    thread = threading.Thread(target=cancel)
    thread.start()
    options = ["-O", f"notes={work / 'notes'}", "--chunksize", "20", "-o", "out", "--no-plots", "--json"]
    try:
        code, _, error = call("run", "slow.py", "f0.root", "f1.root", *options, *SLURM)
    finally:
        thread.join()
    assert cancelled, error
    return cancelled[0], code, error


def test_a_job_that_is_cancelled_is_named_and_replaced(
    slurm: Slurm, work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "coffea_fm"):
        job, code, error = interrupted(slurm, work, after=3)
    assert code == 0, error
    counts = json.loads((work / "out" / "cutflow.json").read_text())
    assert counts["events"] == 240
    assert len(set(counts["jobs"]) | {job}) > 1
    (record,) = [record.getMessage() for record in caplog.records if f"job {job} has ended" in record.getMessage()]
    assert re.search(rf"\(cancelled.*\); {work}/job-logs/.*-{job}\.err says: .*; another is submitted", record)


def test_a_run_whose_last_job_cannot_be_replaced_ends_with_the_reason(slurm: Slurm, work: Path) -> None:
    settings = (work / "slurm.yaml").read_text()
    (work / "slurm.yaml").write_text(settings.replace("wait: 120", "wait: 20"))
    _, code, error = interrupted(slurm, work, after=3, closed=True)
    assert code == 1
    assert "no worker is left, for 20 seconds: 1 job pending: PartitionDown" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("partition: shrot", "the batch system refused the job: sbatch: error: .*nvalid partition"),
        ("memory: 90 GB", "the batch system refused the job: sbatch: error: Memory specification can not be satisfied"),
        ("partition: closed\nwait: 5", r"no worker after 5 seconds: 1 job pending: PartitionDown \(\d+\)"),
        ("setup: ['echo module: command not found >&2; exit 3']", r"job \d+ has ended \(failed: NonZeroExitCode\); .*err says: module: command not found"),
        ("python: /nowhere/python", "/nowhere/python: No such file or directory"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("slurm")
def test_a_job_that_never_works_is_one_sentence(settings: str, sentence: str, work: Path) -> None:
    (work / "slurm.yaml").write_text(settings)
    code, _, error = call("run", "tag_jets", "f0.root", "-O", "bundle=counting", "-o", "out", *SLURM)
    assert (code, len(error.strip().splitlines())) == (1, 1), error
    assert re.search(sentence, error)


@pytest.mark.usefixtures("slurm")
def test_an_adaptive_number_of_jobs_follows_the_work(work: Path) -> None:
    settings = (work / "slurm.yaml").read_text()
    (work / "slurm.yaml").write_text(settings + "adaptive: {minimum: 1, maximum: 3}\n")
    (work / "slow.py").write_text(SLOW)
    (work / "notes").mkdir()
    options = ["-O", f"notes={work / 'notes'}", "--chunksize", "8", "-o", "out", "--no-plots", "--json"]
    code, _, error = call("run", "slow.py", "f0.root", "f1.root", *options, *SLURM)
    assert code == 0, error
    counts = json.loads((work / "out" / "cutflow.json").read_text())
    assert counts["events"] == 240
    assert len(counts["jobs"]) > 1
