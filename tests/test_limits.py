from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from coffea_fm.limits import core_limit, first_number, memory_limit

GIB = 2**30


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen cores, 64 GiB, no ulimit."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 64 * GIB // 4096, "SC_PAGE_SIZE": 4096}.__getitem__)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def groups(root: Path, own: str, **files: str) -> Path:
    """Control groups in files: ``__`` in a name stands for ``/``, and ``own`` is what ``/proc/self/cgroup`` says."""
    given = {"proc/self/cgroup": own} | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in given.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


V1 = "5:memory:/slurm/job_7/step_0\n4:cpu,cpuacct:/slurm/job_7/step_0\n1:name=systemd:/"
V2 = "0::/system.slice/slurmstepd.scope/job_7/step_0"


def test_without_any_limit_there_is_the_machine(tmp_path: Path) -> None:
    assert core_limit({}, tmp_path) == 16
    assert memory_limit(root=tmp_path).size == 64 * GIB
    assert memory_limit(4, tmp_path).size == 16 * GIB


def test_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 7})
    assert core_limit({"SLURM_CPUS_PER_TASK": "8"}, tmp_path) == 2


@pytest.mark.parametrize(("text", "cores"), [("4", 4), ("64", 16), ("", 16), ("many", 16), ("0", 16)])
def test_slurm(tmp_path: Path, text: str, cores: int) -> None:
    assert core_limit({"SLURM_CPUS_PER_TASK": text}, tmp_path) == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [("300000 100000", 3), ("150000 100000", 2), ("10000 100000", 1), ("max 100000", 16)]
)
def test_quota_of_version_2(tmp_path: Path, quota: str, cores: int) -> None:
    files = {"system.slice/slurmstepd.scope/job_7/cpu.max": quota, "cpu.max": "max 100000"}
    assert core_limit({}, groups(tmp_path, V2, **files)) == cores


def test_quota_in_a_container_whose_own_group_is_mounted_at_the_top(tmp_path: Path) -> None:
    assert core_limit({}, groups(tmp_path, "0::/../../docker/abc", **{"cpu.max": "200000 100000"})) == 2


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_quota_of_version_1(tmp_path: Path, mount: str) -> None:
    folder = f"{mount}/slurm/job_7"
    files = {
        f"{folder}/cpu.cfs_quota_us": "400000",
        f"{folder}/cpu.cfs_period_us": "100000",
        f"{folder}/step_0/cpu.cfs_quota_us": "-1",
        f"{folder}/step_0/cpu.cfs_period_us": "100000",
    }
    assert core_limit({}, groups(tmp_path, V1, **files)) == 4


def test_the_tightest_memory_of_version_2(tmp_path: Path) -> None:
    job = "system.slice/slurmstepd.scope/job_7"
    files = {f"{job}/memory.max": str(4 * GIB), f"{job}/step_0/memory.max": "max", f"{job}/memory.high": str(3 * GIB)}
    limit = memory_limit(root=groups(tmp_path, V2, **files))
    assert (limit.size, limit.source) == (3 * GIB, "the control group of the job or container")


def test_memory_of_version_1(tmp_path: Path) -> None:
    files = {
        "memory/slurm/job_7/memory.limit_in_bytes": str(2 * GIB),
        "memory/memory.limit_in_bytes": "9223372036854771712",
    }
    assert memory_limit(2, groups(tmp_path, V1, **files)).size == GIB


def test_ulimit_counts_for_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        resource, "getrlimit", lambda kind: (GIB if kind == resource.RLIMIT_AS else resource.RLIM_INFINITY, 0)
    )
    limit = memory_limit(2, tmp_path)
    assert (limit.size, limit.source) == (GIB, "ulimit -v")


@pytest.mark.parametrize(
    ("text", "number"), [("4,2", 4), (" 3 ", 3), ("0", None), ("", None), ("x,2", None), ("-1", None), ("²", None)]
)
def test_first_number(text: str, number: int | None) -> None:
    assert first_number(text) == number
