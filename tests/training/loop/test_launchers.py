"""Trainings in processes that torchrun or Slurm has started; here on two hosts that are both this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from coffea_fm.errors import RecipeError
from coffea_fm.nn.checkpoint import load_tensors
from coffea_fm.training import pretrain
from coffea_fm.training.loop.launchers import launcher
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.recipe.recipe import Recipe

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "3"}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_STEP_NUM_NODES": "3",
    "SLURM_STEP_NODELIST": "node[07-09]",
    "SLURM_JOB_ID": "70123",
}
SRUN |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}


def test_who_has_started_the_processes() -> None:
    for variables, name, hosts in ((TORCHRUN, "torchrun", 2), (SRUN, "srun", 3)):
        found = launcher(variables)
        assert found is not None
        assert (found.name, found.hosts, found.local, found.first) == (name, hosts, 2, name == "srun")
    found = launcher(SRUN)
    assert found is not None
    assert (found.variables["MASTER_ADDR"], found.variables["MASTER_PORT"]) == ("node07", "15123")
    assert launcher({}) is None
    assert launcher({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None  # a batch script, no srun
    assert launcher(TORCHRUN | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}) is None


def test_two_numbers_of_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match="torchrun has started 4 processes: leave out --processes 2"):
        launch(print, 2, "fp32")


def free_port() -> str:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return str(opened.getsockname()[1])


def commands(launched_by: str, arguments: list[str]) -> list[tuple[list[str], dict[str, str]]]:
    """Command and environment of each of two hosts."""
    port = free_port()
    if launched_by == "torchrun":
        options = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
        run = [sys.executable, "-m", "torch.distributed.run", *options]
        return [([*run, "--node-rank", str(rank), "-m", "coffea_fm.cli", *arguments], {}) for rank in range(2)]
    job = {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2"}
    job |= {"SLURM_STEP_NODELIST": "localhost", "SLURM_LOCALID": "0", "MASTER_PORT": port}
    own = [job | {"SLURM_PROCID": str(rank), "SLURM_NODEID": str(rank)} for rank in range(2)]
    return [([sys.executable, "-m", "coffea_fm.cli", *arguments], variables) for variables in own]


def run_on_two_hosts(launched_by: str, arguments: list[str]) -> list[subprocess.CompletedProcess[str]]:
    started = [
        subprocess.Popen(
            command,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command, variables in commands(launched_by, arguments)
    ]
    done = []
    for process in started:
        out, err = process.communicate(timeout=300)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


@pytest.mark.parametrize("launched_by", ["torchrun", "srun"])
def test_two_hosts_train_as_one_process_does(
    make_recipe: Callable[..., Recipe], launched_by: str, tmp_path: Path
) -> None:
    exact = {"augmentation": {}, "lr": 1e-3, "precision": "fp32"}
    recipe = make_recipe(backbone={"dropout": 0.0}, training=exact | {"seen": 300})
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    alone = pretrain(recipe, tmp_path / "alone", show_progress=False)
    hosts = run_on_two_hosts(launched_by, ["pretrain", str(file), "--runs", str(tmp_path / "two"), "--json"])
    for host in hosts:
        assert host.returncode == 0, host.stderr
    assert [host.stdout.count('"finished": true') for host in hosts].count(1) == 1  # one of them reports
    one, two = (
        load_tensors(tmp_path / run / recipe.name / "last" / "state.safetensors")[0] for run in ("alone", "two")
    )
    assert alone.finished
    for name in one:
        if name.startswith("weights/"):
            torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-4)


def test_all_hosts_end_with_the_reason_of_the_first(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make_recipe()
    pretrain(recipe, tmp_path, show_progress=False)
    file = tmp_path / "recipe.yaml"
    changed = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seen": 999})})
    file.write_text(yaml.safe_dump(changed.model_dump(mode="json")))
    hosts = run_on_two_hosts("srun", ["pretrain", str(file), "--runs", str(tmp_path)])
    assert all(host.returncode == 1 for host in hosts)
    assert "holds a run of another recipe" in " ".join(hosts[0].stderr.split())
