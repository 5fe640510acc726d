"""What is submitted to a batch system."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import coffea_fm
from coffea_fm.running.clusters.htcondor import HTCondor
from coffea_fm.running.clusters.slurm import Slurm

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")


def test_a_slurm_job_has_its_resources_environment_and_one_thread_a_core(tmp_path: Path) -> None:
    script = Slurm(
        cores=4,
        memory="8 GB",
        partition="short",
        account="me",
        walltime="1-00:00:00",
        directives=("--constraint=fast",),
        setup=("module load gcc",),
        logs=tmp_path / "logs",
        scratch="/scratch",
        interface="lo",
    ).job_script()
    lines = script.splitlines()
    for line in (
        "#SBATCH -p short",
        "#SBATCH -A me",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=8G",
        "#SBATCH -t 1-00:00:00",
        "#SBATCH --constraint=fast",
        "module load gcc",
        "export OMP_NUM_THREADS=1",
        "export DASK_DISTRIBUTED__WORKER__PROFILE__CYCLE=1h",
        "export OPENBLAS_NUM_THREADS=1",
    ):
        assert line in lines
    assert lines.index("module load gcc") < lines.index("export OMP_NUM_THREADS=1")
    worker = lines[-1]
    assert worker.startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://")
    for option in ("--nthreads 1", "--nworkers 4", "--local-directory /scratch", "--interface lo", "--lifetime 77760"):
        assert option in worker
    assert re.search(rf"#SBATCH -e {tmp_path}/logs/", script)


def test_processes_with_several_threads_say_so_to_the_libraries(tmp_path: Path) -> None:
    script = Slurm(cores=4, processes=1, python="/their/python", logs=tmp_path).job_script()
    assert "export OMP_NUM_THREADS=4" in script
    assert "/their/python -m distributed.cli.dask_worker" in script
    assert "--nthreads 4" in script


def test_the_environment_of_a_job_finds_this_coffea_fm(tmp_path: Path) -> None:
    lines = Slurm(logs=tmp_path).job_script().splitlines()[:-1]
    shell = "\n".join([line for line in lines if not line.startswith("#")])
    code = f"cd /; unset PYTHONPATH\n{shell}\n{sys.executable} -c 'import coffea_fm; print(coffea_fm.__file__)'"
    told = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == coffea_fm.__file__


def test_an_htcondor_job_has_its_resources_and_lines(tmp_path: Path) -> None:
    script = HTCondor(
        cores=2,
        memory="3 GB",
        disk="5 GB",
        directives={"+JobFlavour": '"workday"'},
        setup=("export A='b c'",),
        logs=tmp_path,
    ).job_script()
    for line in ("MY.DaskWorkerCores = 2", "MY.DaskWorkerMemory = 3000000000", "MY.DaskWorkerDisk = 5000000000"):
        assert line in script.splitlines()
    assert '+JobFlavour = "workday"' in script
    assert "+MaxRuntime = 7200" in script
    assert "export OMP_NUM_THREADS=1; " in script


def test_htcondors_own_parser_reads_the_submit_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDOR_CONFIG", "/dev/null")
    htcondor2 = pytest.importorskip("htcondor2", reason="the bindings of HTCondor are not installed")
    read = htcondor2.Submit(HTCondor(directives={"+JobFlavour": '"workday"'}, logs=tmp_path).job_script())
    assert read["MY.JobFlavour"] == '"workday"'
    assert read["Executable"] == "/bin/sh"
    assert read["RequestCpus"] == "MY.DaskWorkerCores"
    assert read.getQArgs() in ("", None)
