from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from coffea_fm.inference.threads import owned_threads


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main process on four cores, whose environment says nothing."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 4),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "8"}, 4),
        ({"OMP_NUM_THREADS": "3,2"}, 3),
        ({"OMP_NUM_THREADS": "all"}, 4),
        ({"SLURM_CPUS_PER_TASK": "2"}, 2),
        ({"SLURM_CPUS_PER_TASK": "2", "OMP_NUM_THREADS": "3"}, 2),
        ({"SLURM_CPUS_PER_TASK": "3", "OMP_NUM_THREADS": "1"}, 1),
    ],
)
def test_the_main_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], threads: int
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert owned_threads(tmp_path) == threads


def test_a_container(tmp_path: Path) -> None:
    for name, text in {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000"}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert owned_threads(tmp_path) == 2


def test_a_pool_process_owns_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert owned_threads(tmp_path) == 1


def test_a_dask_worker_owns_its_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    worker = SimpleNamespace(state=SimpleNamespace(nthreads=2))
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=lambda: worker))
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as dask sets it
    assert owned_threads(tmp_path) == 2
    worker.state.nthreads = 16
    assert owned_threads(tmp_path) == 4
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert owned_threads(tmp_path) == 3
