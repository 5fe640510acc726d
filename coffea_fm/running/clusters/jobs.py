"""The jobs that were submitted for a run, what became of them, and what their logs say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

_TAIL = 20_000
_TELLING = re.compile(r"error|cancelled|killed|exceed|no space|not found|denied|refused|out of memory", re.IGNORECASE)


@dataclass
class Submitted:
    """One job: its name in dask, and its number in the batch system, or why the batch system refused it.

    `worked` is whether its worker has connected, `over` whether another job was submitted instead.
    """

    name: str
    job_id: str = ""
    refusal: str = ""
    worked: bool = False
    over: bool = False


@dataclass
class Jobs:
    """All jobs of a run, also those that have ended."""

    submitted: list[Submitted] = field(default_factory=list)

    @property
    def current(self) -> list[Submitted]:
        """The jobs that are not over."""
        return [job for job in self.submitted if not job.over]

    @property
    def refusal(self) -> str:
        """Why the batch system refused the last job; empty if it took it."""
        return self.submitted[-1].refusal if self.submitted else ""

    def recorded(self, job_class: Any) -> Any:
        """A class of jobs like that one, which are noted here."""
        from distributed.deploy.spec import ProcessInterface

        jobs, without_job = self, cast("Any", ProcessInterface.start)

        class Recorded(job_class):  # type: ignore[misc]
            async def start(self) -> None:
                job = Submitted(str(self.name))
                jobs.submitted.append(job)
                try:
                    await super().start()
                except (OSError, RuntimeError, ValueError) as error:  # dask would print it, and go on
                    job.refusal = _answer(str(error))
                    await without_job(self)
                else:
                    job.job_id = self.job_id

        return Recorded


def named_apart(cluster_class: Any) -> Any:
    """A class of clusters like that one, in which no two jobs have the same name.

    dask gives the name of a job that has ended to the next one, and closes that one for the loss of the first.
    """
    numbers = itertools.count()

    class NamedApart(cluster_class):  # type: ignore[misc]
        def _new_worker_name(self, worker_number: object) -> str:  # noqa: ARG002
            return f"coffea-fm-{next(numbers)}"

    return NamedApart


def _answer(error: str) -> str:
    """What the batch system said, of dask-jobqueue's account of a command that failed."""
    _, found, answer = error.partition("stderr:\n")
    lines = [line.strip() for line in (answer if found else error).splitlines() if line.strip()]
    return next((line for line in lines if _TELLING.search(line)), lines[-1] if lines else "it gave no reason")


def last_telling_line(files: Iterable[Path]) -> tuple[Path, str] | None:
    """The last line of a job's logs that tells of an error, or simply the last line, with its file."""
    last = None
    for path in files:
        try:
            lines = [line.strip() for line in path.read_bytes()[-_TAIL:].decode(errors="replace").splitlines()]
        except OSError:
            continue
        lines = [line for line in lines if line]
        telling = [line for line in lines if _TELLING.search(line)]
        if telling:
            return path, telling[-1]
        if lines and last is None:
            last = path, lines[-1]
    return last
