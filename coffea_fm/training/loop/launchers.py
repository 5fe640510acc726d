"""Processes of a training that something else has started, on one or several machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightning_fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment


@dataclass(frozen=True)
class Launched:
    """Who has started how many processes.

    Parameters
    ----------
    name : str
        The command that has started them.
    processes, hosts : int
        Number of processes in all, and of machines. Each machine has the same number.
    first : bool
        Whether this is the first of them, which writes and reports.
    environment : ClusterEnvironment
        How the processes find each other.
    """

    name: str
    processes: int
    hosts: int
    first: bool
    environment: ClusterEnvironment

    @property
    def local(self) -> int:
        """Number of processes on each machine."""
        return self.processes // self.hosts


def launcher(variables: Mapping[str, str]) -> Launched | None:
    """What the environment says of processes that ``torchrun`` or Slurm's ``srun`` has started, if it is several.

    A batch script of Slurm that has not called ``srun`` is a single process, however many tasks the job has.
    """
    if "TORCHELASTIC_RUN_ID" in variables and int(variables["WORLD_SIZE"]) > 1:
        processes, local = int(variables["WORLD_SIZE"]), int(variables["LOCAL_WORLD_SIZE"])
        return Launched("torchrun", processes, processes // local, variables["RANK"] == "0", TorchElasticEnvironment())
    if int(variables.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        processes, hosts = int(variables["SLURM_STEP_NUM_TASKS"]), int(variables.get("SLURM_STEP_NUM_NODES", "1"))
        return Launched("srun", processes, hosts, variables["SLURM_PROCID"] == "0", SLURMEnvironment(auto_requeue=False))
    return None
