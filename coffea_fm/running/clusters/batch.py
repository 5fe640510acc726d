"""What batch systems share: jobs that are dask workers, submitted by dask-jobqueue and watched here."""

from __future__ import annotations

import logging
import re
import shutil
import sys
import sysconfig
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.running.clusters.base import PROFILE_CYCLE, StartedCluster
from coffea_fm.running.clusters.jobs import Jobs, named_apart
from coffea_fm.running.clusters.watch import Watch

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)")


@dataclass(frozen=True)
class JobState:
    """Where a job is, and what the batch system says of it."""

    stage: Literal["waiting", "running", "ended"]
    reason: str


class Batch(StartedCluster):
    """Configuration of a batch system: a job is one or more dask workers.

    Parameters
    ----------
    wait : float
        Seconds until the first job must run.
    jobs : int
        Number of jobs, if the call does not say.
    cores : int
        Cores of each job.
    processes : int, optional
        Worker processes of each job; by default one a core. Each has ``cores / processes`` threads.
    memory : str
        Memory of each job, such as ``"2 GB"``.
    walltime : str
        Longest time of each job, ``HH:MM:SS`` or ``D-HH:MM:SS``. Workers leave a little earlier, and are replaced.
    setup : sequence of str
        Shell commands of each job before the worker starts, such as ``"module load python"``.
    python : str, optional
        Python of the workers; by default the one that runs here.
    logs : path-like
        Folder for the logs of the jobs, which they must share with this machine.
    scratch : str, optional
        Folder on the worker's own disk for what does not fit in memory.
    interface : str, optional
        Network interface that the workers can reach, such as ``"ib0"``.
    """

    commands: ClassVar[tuple[str, ...]]
    number_key: ClassVar[str] = "jobs"

    wait: float = Field(default=600, gt=0)
    jobs: int = Field(default=1, ge=1)
    cores: int = Field(default=1, ge=1)
    processes: int | None = Field(default=None, ge=1)
    memory: str = "2 GB"
    walltime: str = "02:00:00"
    setup: tuple[str, ...] = ()
    python: str | None = None
    logs: Path = Path("job-logs")
    scratch: str | None = None
    interface: str | None = None

    @field_validator("memory")
    @classmethod
    def _bytes(cls, memory: str) -> str:
        from dask.utils import parse_bytes

        try:
            parse_bytes(memory)
        except ValueError:
            raise ValueError(f"{memory!r} is no amount of memory such as '2 GB'") from None
        return memory

    @field_validator("walltime", mode="before")
    @classmethod
    def _time(cls, walltime: object) -> object:
        if not isinstance(walltime, str) or not _WALLTIME.fullmatch(walltime):
            raise ValueError(
                f"{walltime!r} is no time such as '02:00:00', in quotes because YAML reads 10:00:00 as 36000"
            )
        return walltime

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.cores % self.workers_per_job:
            raise ValueError(f"{self.cores} cores cannot be shared evenly by {self.processes} processes")
        return self

    @property
    def workers_per_job(self) -> int:
        """Number of worker processes of each job."""
        return self.processes or self.cores

    @property
    def seconds(self) -> int:
        """The wall time in seconds."""
        found = _WALLTIME.fullmatch(self.walltime)
        assert found is not None  # the validator saw to it
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    @abstractmethod
    def job_class(self) -> Any:
        """The class of dask-jobqueue that submits such a job."""

    @abstractmethod
    def own_options(self) -> dict[str, Any]:
        """Arguments of that class for this batch system alone."""

    @abstractmethod
    def states(self, ids: Collection[str]) -> Mapping[str, JobState]:
        """Ask the batch system where jobs are. Jobs that it does not answer for are left out."""

    def log_files(self, job_id: str) -> list[Path]:
        """What a job has written, with its own log first."""
        return sorted(self.logs.absolute().glob(f"*-{job_id}.*"), key=lambda path: (path.suffix != ".err", path.name))

    def job_options(self) -> dict[str, Any]:
        """Arguments of dask-jobqueue's job class."""
        threads = self.cores // self.workers_per_job
        profile = f"export DASK_DISTRIBUTED__WORKER__PROFILE__CYCLE={PROFILE_CYCLE}"
        exports = [*(f"export {name}={threads}" for name in _THREADS), profile]
        lifetime = [f"--lifetime {self.seconds * 9 // 10}", f"--lifetime-stagger {self.seconds // 20}"]
        return {
            "cores": self.cores,
            "processes": self.workers_per_job,
            "memory": self.memory,
            "python": self.python or sys.executable,
            "job_name": "coffea-fm",
            "job_script_prologue": [*self.setup, *_importable(), *exports],
            "worker_extra_args": lifetime,
            "local_directory": self.scratch,
            "log_directory": str(self.logs.absolute()),
            "interface": self.interface,
            **self.own_options(),
        }

    def job_script(self) -> str:
        """What is submitted, with a placeholder for the address of the scheduler."""
        job = self.job_class()("tcp://SCHEDULER:8786", name="coffea-fm", **self.job_options())
        return str(job.job_script())

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Submit the jobs; they are cancelled afterwards."""
        import distributed

        missing = [name for name in self.commands if shutil.which(name) is None]
        if missing:
            raise InputError(f"the command {missing[0]} is not found: submit from a machine of the batch system")
        job_class, jobs = self.job_class(), Jobs()
        from dask_jobqueue.core import JobQueueCluster

        client_class: Any = distributed.Client
        with (
            named_apart(JobQueueCluster)(
                job_cls=jobs.recorded(job_class),
                scheduler_options={"dashboard_address": ":0"},
                silence_logs=logging.CRITICAL,
                **self.job_options(),
            ) as cluster,
            client_class(cluster) as client,
            Watch(self, jobs, cluster, client).watching(),
        ):
            yield client


def need(package: str, extra: str) -> None:
    """Say how to install a package that is missing."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise InputError(f"{package} is not installed: pip install 'coffea-fm[{extra}]'")


def _importable() -> list[str]:
    """What makes this very coffea-fm importable in a job, where it is not installed beside the other packages."""
    folder = Path(coffea_fm.__file__).parents[1]
    if folder == Path(sysconfig.get_paths()["purelib"]):
        return []
    return [f'export PYTHONPATH="{folder}${{PYTHONPATH:+:$PYTHONPATH}}"']
