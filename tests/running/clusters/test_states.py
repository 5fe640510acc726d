"""What batch systems answer about jobs, and what their logs say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coffea_fm.running.clusters.htcondor import HTCondor
from coffea_fm.running.clusters.jobs import _answer, last_telling_line
from coffea_fm.running.clusters.slurm import Slurm


def command(folder: Path, name: str, output: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n")
    path.chmod(0o755)


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose commands answer what a test says."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_squeue_tells_where_jobs_are_and_one_it_has_forgotten_has_ended(bin: Path) -> None:
    command(bin, "squeue", "1|PENDING|Resources\n2|RUNNING|None\n3|FAILED|NonZeroExitCode\n4|CANCELLED|None")
    found = Slurm().states(["1", "2", "3", "4", "5"])
    assert {key: (state.stage, state.reason) for key, state in found.items()} == {
        "1": ("waiting", "pending: Resources"),
        "2": ("running", "running"),
        "3": ("ended", "failed: NonZeroExitCode"),
        "4": ("ended", "cancelled"),
        "5": ("ended", "ended"),
    }


def test_a_batch_system_that_does_not_answer_ends_no_job(bin: Path) -> None:
    command(bin, "squeue", "slurm_load_jobs error: Unable to contact slurm controller", 1)
    command(bin, "condor_q", "", 1)
    assert not Slurm().states(["1"])
    assert not HTCondor().states(["1.0"])


def test_condor_q_and_condor_history_tell_where_jobs_are(bin: Path) -> None:
    queue = [
        {"ClusterId": 1, "ProcId": 0, "JobStatus": 1, "LastRejMatchReason": "no match found"},
        {"ClusterId": 2, "ProcId": 0, "JobStatus": 2},
        {"ClusterId": 3, "ProcId": 0, "JobStatus": 5, "HoldReason": "memory usage exceeded request_memory"},
    ]
    history = [{"ClusterId": 4, "ProcId": 0, "JobStatus": 4, "ExitCode": 3, "ExitBySignal": False}]
    command(bin, "condor_q", json.dumps(queue))
    command(bin, "condor_history", json.dumps(history))
    found = HTCondor().states(["1.0", "2.0", "3.0", "4.0"])
    assert {key: (state.stage, state.reason) for key, state in found.items()} == {
        "1.0": ("waiting", "idle: no match found"),
        "2.0": ("running", "running"),
        "3.0": ("ended", "held: memory usage exceeded request_memory"),
        "4.0": ("ended", "completed: exit code 3"),
    }


def test_the_telling_line_is_the_last_that_tells_of_an_error(tmp_path: Path) -> None:
    err, out = tmp_path / "a-1.err", tmp_path / "a-1.out"
    err.write_text("starting\nslurmstepd: error: *** JOB 1 CANCELLED DUE TO TIME LIMIT ***\nbye\n")
    out.write_text("done\n")
    assert last_telling_line([err, out]) == (err, "slurmstepd: error: *** JOB 1 CANCELLED DUE TO TIME LIMIT ***")
    err.write_text("starting\n\n")
    out.write_text("No space left on device\n")
    assert last_telling_line([err, out]) == (out, "No space left on device")
    out.write_text("")
    assert last_telling_line([err, out]) == (err, "starting")
    assert last_telling_line([tmp_path / "none"]) is None


def test_the_answer_of_the_batch_system_is_found_in_what_dask_tells() -> None:
    told = "Command exited with non-zero exit code.\nExit code: 1\nstdout:\n\nstderr:\nsbatch: error: no such partition\n\n"
    assert _answer(told) == "sbatch: error: no such partition"
    assert _answer("") == "it gave no reason"
