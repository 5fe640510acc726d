"""HTCondor: ``--cluster htcondor``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from coffea_fm.running.clusters.batch import Batch, JobState, need

_ATTRIBUTES = "ClusterId,ProcId,JobStatus,HoldReason,RemoveReason,LastRejMatchReason,ExitCode,ExitBySignal,ExitSignal"
_STAGES = {1: "idle", 2: "running", 3: "removed", 4: "completed", 5: "held", 6: "transferring output", 7: "suspended"}


class HTCondor(Batch):
    """Configuration of HTCondor, besides what `Batch` has.

    Parameters
    ----------
    disk : str
        Disk space of each job.
    directives : mapping
        More lines of the submit description, such as ``{"+JobFlavour": '"workday"'}``.
    """

    commands: ClassVar[tuple[str, ...]] = ("condor_submit", "condor_q", "condor_rm")

    disk: str = "1 GB"
    directives: dict[str, str | int | float | bool] = {}

    def job_class(self) -> Any:
        """``HTCondorJob``."""
        need("dask_jobqueue", "jobqueue")
        from dask_jobqueue.htcondor import HTCondorJob

        return HTCondorJob

    def own_options(self) -> dict[str, Any]:
        """Arguments of ``HTCondorJob``."""
        return {"disk": self.disk, "job_extra_directives": {"+MaxRuntime": self.seconds, **self.directives}}

    def states(self, ids: Collection[str]) -> Mapping[str, JobState]:
        """Ask ``condor_q``, and ``condor_history`` for jobs that have left the queue."""
        found = _ask("condor_q", ids)
        if found is None:
            return {}
        gone = [job_id for job_id in ids if job_id not in found]
        if gone:
            found |= _ask("condor_history", gone, "-limit", str(len(gone))) or {}
        return {job_id: _state(found[job_id]) for job_id in ids if job_id in found}


def _ask(command: str, ids: Collection[str], *options: str) -> dict[str, dict[str, Any]] | None:
    """Attributes of jobs by their number; none if the command fails."""
    told = subprocess.run(
        [command, *ids, *options, "-json", "-attributes", _ATTRIBUTES], capture_output=True, text=True, check=False
    )
    if told.returncode:
        return None
    return {f"{ad['ClusterId']}.{ad['ProcId']}": ad for ad in json.loads(told.stdout or "[]")}


def _state(ad: Mapping[str, Any]) -> JobState:
    status = _STAGES.get(ad["JobStatus"], "unknown")
    reason = ad.get("HoldReason") or ad.get("RemoveReason") or ad.get("LastRejMatchReason")
    if status == "completed":
        by_signal = ad.get("ExitBySignal")
        reason = f"signal {ad.get('ExitSignal')}" if by_signal else f"exit code {ad.get('ExitCode')}"
    told = f"{status}: {reason}" if reason and status != "running" else status
    if status in ("held", "removed", "completed"):  # a held job starts only if somebody releases it
        return JobState("ended", told)
    return JobState("waiting" if status in ("idle", "suspended") else "running", told)
