"""Slurm: ``--cluster slurm``."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from coffea_fm.running.clusters.batch import Batch, JobState, need

_WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "SUSPENDED", "REQUEUE_HOLD", "SPECIAL_EXIT")
_RUNNING = ("RUNNING", "COMPLETING", "STOPPED", "SIGNALING", "STAGE_OUT")


class Slurm(Batch):
    """Configuration of Slurm, besides what `Batch` has.

    Parameters
    ----------
    partition : str, optional
        Partition of the jobs; by default that of the site.
    account : str, optional
        Account that is charged.
    directives : sequence of str
        More options of ``sbatch``, such as ``"--constraint=haswell"``.
    """

    commands: ClassVar[tuple[str, ...]] = ("sbatch", "squeue", "scancel")

    partition: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()

    def job_class(self) -> Any:
        """``SLURMJob``."""
        need("dask_jobqueue", "jobqueue")
        from dask_jobqueue.slurm import SLURMJob

        return SLURMJob

    def own_options(self) -> dict[str, Any]:
        """Arguments of ``SLURMJob``."""
        return {
            "queue": self.partition,
            "account": self.account,
            "walltime": self.walltime,
            "job_extra_directives": list(self.directives),
        }

    def states(self, ids: Collection[str]) -> Mapping[str, JobState]:
        """Ask ``squeue``, which remembers jobs for some minutes after their end."""
        told = subprocess.run(
            ["squeue", "--me", "--noheader", "--states=all", "--format=%i|%T|%r"],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            return {}
        known = dict(line.split("|", 1) for line in told.stdout.splitlines() if "|" in line)
        return {job_id: _state(known.get(job_id, "ENDED|")) for job_id in ids}


def _state(answer: str) -> JobState:
    name, _, reason = answer.partition("|")
    told = name.lower() + (f": {reason}" if reason not in ("", "None") else "")
    return JobState("waiting" if name in _WAITING else "running" if name in _RUNNING else "ended", told)
