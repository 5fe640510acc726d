"""Watch the jobs of a run: wait for the first, replace those that end early, and stop the run when none can start."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.names import counted
from coffea_fm.running.clusters.jobs import Jobs, Submitted, last_telling_line

if TYPE_CHECKING:
    from coffea_fm.running.clusters.batch import Batch, JobState

POLL = 3.0
"""Seconds between two looks at the workers. The batch system is asked only if one is missing."""
_MOST_FAILED_STARTS = 3

_log = logging.getLogger(__name__)


class Watch:
    """The jobs of one run and their workers.

    Parameters
    ----------
    config : Batch
        The batch system.
    jobs : Jobs
        What was submitted.
    cluster, client
        Those of dask.
    """

    def __init__(self, config: Batch, jobs: Jobs, cluster: Any, client: Any) -> None:
        self.config, self.jobs, self.cluster, self.client = config, jobs, cluster, client
        self.failure = ""
        self._lost: list[tuple[Submitted, str]] = []
        self._failed_starts = 0
        self._end = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Scale the cluster, wait for the first worker, and watch the jobs in a thread.

        Raises
        ------
        InputError
            If no worker comes in time, or jobs end before there is one, or no more jobs can start during the run.
        """
        self._scale()
        self._first_worker()
        thread = threading.Thread(target=self._watch, daemon=True, name="watch jobs")
        thread.start()
        try:
            yield
        except CoffeaFMError as error:
            if self.failure or "KilledWorker" not in str(error.__cause__):
                raise
            raise type(error)("; ".join([str(error), *(why for _, why in self._lost[-1:])])) from error
        except BaseException as error:
            if not self.failure:
                raise
            raise InputError(self.failure) from error
        finally:
            self._end.set()
            thread.join()

    def _scale(self) -> None:
        if self.config.adaptive:
            bounds = self.config.adaptive
            self.cluster.adapt(minimum_jobs=bounds.minimum, maximum_jobs=bounds.maximum)
        else:
            self.cluster.scale(jobs=self.config.jobs)

    def _first_worker(self) -> None:
        deadline = time.monotonic() + self.config.wait
        while not self._working():
            if self.jobs.refusal:
                raise InputError(f"the batch system refused the job: {self.jobs.refusal}")
            states = self._states(self.jobs.submitted)
            for job in self.jobs.submitted:
                if job.job_id in states and states[job.job_id].stage == "ended":
                    raise InputError(f"no worker has started: {self._describe(job, states[job.job_id])}")
            if time.monotonic() > deadline:
                raise InputError(
                    f"no worker after {self.config.wait:g} seconds: {self._why_not(states)}; 'wait' of the "
                    "--cluster-config allows longer"
                )
            time.sleep(min(POLL, self.config.wait))
        _log.info("%s of %s, logs in %s", *self._counted())

    def _counted(self) -> tuple[str, str, str]:
        jobs = self.jobs.submitted
        return counted(len(self._working()), "worker"), counted(len(jobs), "job"), str(self.config.logs.absolute())

    def _watch(self) -> None:
        lonely_since = None
        while not self._end.wait(POLL):
            working = self._working()
            absent = [job for job in self.jobs.current if job.name not in working]
            absent = [job for job in absent if job.name in self.cluster.worker_spec]  # not given back by dask itself
            states = self._states(absent)
            for job in absent:
                if job.job_id in states and states[job.job_id].stage == "ended":
                    self._replace(job, states[job.job_id])
                elif job.refusal and working:  # an overloaded batch system may take it the next time
                    self._submit_instead_of(job)
            lonely_since = None if working else lonely_since or time.monotonic()
            if working:
                self._failed_starts = 0
            elif self.jobs.refusal:
                self._fail(f"the batch system refused the job: {self.jobs.refusal}")
            elif self._failed_starts >= _MOST_FAILED_STARTS:
                self._fail(f"{counted(self._failed_starts, 'job')} ended before they could work: {self._lost[-1][1]}")
            elif time.monotonic() - (lonely_since or 0) > self.config.wait:
                self._fail(f"no worker is left, for {self.config.wait:g} seconds: {self._why_not(states)}")

    def _working(self) -> set[str]:
        """Names of the jobs whose workers are connected."""
        names = {str(worker["name"]) for worker in list(self.cluster.scheduler_info["workers"].values())}
        if self.config.workers_per_job > 1:
            names = {name.rpartition("-")[0] for name in names}
        for job in self.jobs.current:
            job.worked |= job.name in names
        return names

    def _states(self, jobs: list[Submitted]) -> dict[str, JobState]:
        ids = [job.job_id for job in jobs if job.job_id]
        return dict(self.config.states(ids)) if ids else {}

    def _replace(self, job: Submitted, state: JobState) -> None:
        why = self._describe(job, state)
        self._lost.append((job, why))
        if not job.worked:
            self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS and not self._working():
            return
        _log.warning("%s; another is submitted", why)
        self._submit_instead_of(job)

    def _submit_instead_of(self, job: Submitted) -> None:
        job.over = True

        def again() -> None:
            self.cluster.worker_spec.pop(job.name, None)
            if not self.config.adaptive:
                self.cluster.scale(jobs=self.config.jobs)

        self.cluster.loop.add_callback(again)

    def _describe(self, job: Submitted, state: JobState) -> str:
        found = last_telling_line(self.config.log_files(job.job_id))
        told = f"{found[0]} says: {found[1]}" if found else f"it left no log in {self.config.logs.absolute()}"
        return f"job {job.job_id} has ended ({state.reason}); {told}"

    def _why_not(self, states: dict[str, JobState]) -> str:
        ids: dict[str, list[str]] = {}
        for job_id, state in states.items():
            ids.setdefault(state.reason, []).append(job_id)
        told = [f"{counted(len(some), 'job')} {why} ({', '.join(some[:3])})" for why, some in ids.items()]
        return ", ".join(told) or "the batch system does not say where the jobs are"

    def _fail(self, sentence: str) -> None:
        self.failure = sentence
        self._end.set()
        with suppress(Exception):  # what waits for its results in the main thread is told so
            self.client.close(timeout=1)
