"""A Slurm of the tests' own; ``make test-cluster`` says where it may live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from made import make_bundle, make_nano
from own_slurm import Slurm

FOLDER = os.environ.get("COFFEA_FM_CLUSTER_TESTS")


@pytest.fixture(scope="session")
def cluster_folder() -> Path:
    """Where batch systems are installed and run."""
    if not FOLDER:
        pytest.skip("batch systems are started by 'make test-cluster' only")
    return Path(FOLDER)


@pytest.fixture(scope="session")
def own_slurm(cluster_folder: Path) -> Iterator[Slurm]:
    """One node with four cores, which runs for the whole session."""
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs, which takes root")
    slurm = Slurm(cluster_folder / "slurm")
    slurm.install()
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture
def slurm(own_slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """Its commands are on the PATH; afterwards it has no jobs."""
    monkeypatch.setenv("PATH", f"{own_slurm.bin}:{os.environ['PATH']}")
    yield own_slurm
    own_slurm.call("scancel", "--user=root")
    own_slurm.call("scontrol", "update", "PartitionName=short", "State=UP")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two files, a bundle, settings of the cluster."""
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "counting")
    for number in range(2):
        make_nano(tmp_path / f"f{number}.root", 120, number)
    (tmp_path / "slurm.yaml").write_text("partition: short\nmemory: 1 GB\nwalltime: '00:30:00'\nwait: 120\n")
    return tmp_path
