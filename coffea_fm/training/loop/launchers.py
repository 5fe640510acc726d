"""Processes of a training that something else has started, on one or several machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

_PORTS = 15000
_JOBS = 10000


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
    variables : mapping of str to str
        What this process needs in its environment to find the others, as ``torchrun`` sets it.
    """

    name: str
    processes: int
    hosts: int
    first: bool
    variables: Mapping[str, str]

    @property
    def local(self) -> int:
        """Number of processes on each machine."""
        return self.processes // self.hosts


def launcher(environment: Mapping[str, str]) -> Launched | None:
    """What the environment says of processes that ``torchrun`` or Slurm's ``srun`` has started, if there are several.

    A batch script of Slurm that has not called ``srun`` is a single process, however many tasks the job has.
    """
    if "TORCHELASTIC_RUN_ID" in environment and int(environment["WORLD_SIZE"]) > 1:
        processes, local = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        return Launched("torchrun", processes, processes // local, environment["RANK"] == "0", {})
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return _srun(environment)
    return None


def _srun(environment: Mapping[str, str]) -> Launched:
    """Slurm's names for the same; the first host of the step listens on a port that depends on the job."""
    processes, hosts = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment.get("SLURM_STEP_NUM_NODES", "1"))
    first_host = SLURMEnvironment.resolve_root_node_address(environment["SLURM_STEP_NODELIST"])
    variables = {
        "MASTER_ADDR": environment.get("MASTER_ADDR", first_host),
        "MASTER_PORT": environment.get("MASTER_PORT", str(_PORTS + int(environment["SLURM_JOB_ID"]) % _JOBS)),
        "WORLD_SIZE": str(processes),
        "RANK": environment["SLURM_PROCID"],
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "GROUP_RANK": environment["SLURM_NODEID"],
    }
    return Launched("srun", processes, hosts, variables["RANK"] == "0", variables)
