"""How to run a processor: the same options for `run`, `collect` and `evaluate`, in Python and on the command line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import prepare_folder
from coffea_fm.names import nearest
from coffea_fm.running.chunks import AUTO, parse_chunksize

PathLike = str | os.PathLike[str]
ClusterSettings = PathLike | Mapping[str, Any] | None
Function = TypeVar("Function", bound=Callable[..., Any])


class RunKeywords(TypedDict, total=False):
    """Keywords of a function that runs a processor; see `RunOptions`."""

    schema: str | type
    treename: str
    cluster: str
    cluster_config: ClusterSettings
    workers: int | None
    chunksize: int | str
    skip_bad_files: bool
    checkpoints: PathLike | None
    performance_report: PathLike | None
    quiet: bool


def _option(default: Any, text: str, least: int | None = None) -> Any:
    return field(default=default, metadata={"help": text, "min": least})


@dataclass(frozen=True)
class RunOptions:
    """How to run a processor.

    Parameters
    ----------
    schema : str or type
        NanoEvents schema: a class, or the name of one in coffea-fm or coffea.
    treename : str
        Name of the tree if the fileset has none.
    cluster : str
        ``"local"``, ``"slurm"``, ``"htcondor"``, ``"gateway"``, or the address of a dask scheduler; see
        `coffea_fm.running.clusters`. By default processes on this machine, without dask.
    cluster_config : path-like or mapping, optional
        YAML file of the cluster's settings, or the settings: memory, wall time, partition, ...
    workers : int, optional
        Number of processes on this machine, or of jobs; by default what `cluster_config` says, or 1. Not for a
        scheduler that is running, and not beside ``adaptive``.
    chunksize : int or "auto"
        Approximate number of events per chunk. ``auto`` chooses from the headers of the files, the models and the
        workers; see `coffea_fm.running.chunksize`.
    skip_bad_files : bool
        Skip and count damaged files; otherwise a file whose header cannot be
        read ends the run, and entries that cannot be read are missing.
    checkpoints : path-like, optional
        Folder for finished chunks; an interrupted run resumes from them.
    performance_report : path-like, optional
        HTML file for the performance report of dask: its tasks, workers and transfers during the run. Needs a `cluster`.
    quiet : bool
        Do not show progress.
    """

    schema: str | type = _option("PFNanoAODSchema", "NanoEvents schema of coffea-fm or coffea.")  # noqa: RUF009
    treename: str = _option("Events", "Name of the tree if the fileset has none.")
    cluster: str = _option("", "local, slurm, htcondor, gateway, or the address of a dask scheduler.")
    cluster_config: ClusterSettings = _option(None, "YAML file: memory, wall time, partition, ... of --cluster.")  # noqa: RUF009
    workers: int | None = _option(None, "Number of processes on this machine, or of jobs of --cluster.", 1)
    chunksize: int | str = _option(AUTO, "Approximate number of events per chunk; auto chooses it.")
    skip_bad_files: bool = _option(False, "Skip and count damaged files.")
    checkpoints: PathLike | None = _option(None, "Folder for finished chunks, to resume an interrupted run.")  # noqa: RUF009
    performance_report: PathLike | None = _option(None, "HTML file for dask's performance report; needs --cluster.")  # noqa: RUF009
    quiet: bool = _option(False, "Do not show progress.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "chunksize", parse_chunksize(self.chunksize))
        if self.workers is not None and self.workers < 1:
            raise RecipeError(f"workers={self.workers}: must be at least 1")
        if self.cluster:
            from coffea_fm.running.clusters.table import find_cluster

            config = find_cluster(self.cluster, self.cluster_config)  # a typing error is told before anything runs
            if self.workers is not None:
                config.check_workers(self.workers)
        elif self.cluster_config is not None:
            raise RecipeError(f"--cluster-config {self.cluster_config} is for a --cluster, and none is given")
        if self.performance_report is not None and not self.cluster:
            raise RecipeError(
                f"--performance-report {os.fspath(self.performance_report)} is a report of dask, and this run is not on "
                "dask: give a --cluster such as local; throughput.html in the output folder needs none"
            )
        if self.performance_report is not None and find_spec("bokeh") is None:
            raise InputError(
                "dask's performance report needs bokeh, here and where the scheduler runs: pip install "
                "'coffea-fm[dashboard]'"
            )

    @classmethod
    def of(cls, keywords: RunKeywords) -> RunOptions:
        """Options from the keywords of a call.

        Raises
        ------
        RecipeError
            If a keyword is unknown. The message suggests the nearest.
        """
        known = [option.name for option in fields(cls)]
        for name in keywords:
            if name not in known:
                raise RecipeError(f"a run has no option {name!r}: {nearest(name, known)}")
        return cls(**keywords)

    @contextmanager
    def executor(self) -> Iterator[Any]:
        """Create the executor, and start the cluster if it is not running."""
        from coffea_fm.running.executors import make_executor

        if not self.cluster:
            yield make_executor(workers=self.workers or 1, skip_unreadable=self.skip_bad_files)
            return
        if self.performance_report is not None:
            prepare_folder(Path(self.performance_report).absolute().parent)
        with self.client() as client, _reported(self.performance_report):
            yield make_executor(client=client, skip_unreadable=self.skip_bad_files)

    def client(self) -> AbstractContextManager[Any]:
        """Connect to the cluster, and start it if it is not running."""
        from coffea_fm.running.clusters.table import dask_client

        return dask_client(self.cluster, self.cluster_config, self.workers)


@contextmanager
def _reported(path: PathLike | None) -> Iterator[None]:
    """Let dask write its performance report of what runs meanwhile."""
    if path is None:
        yield
        return
    import distributed

    report: Any = distributed.performance_report
    with report(filename=os.fspath(path)):
        yield


def shows_run_options(function: Function) -> Function:
    """Make ``help()`` and editors show the options of a run instead of ``**keywords``."""
    signature = inspect.signature(function)
    own = [entry for entry in signature.parameters.values() if entry.kind is not entry.VAR_KEYWORD]
    shared = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(RunOptions)
        if option.name not in signature.parameters
    ]
    function.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return function
