"""How to run a processor: the same options for `run`, `collect` and `evaluate`, in Python and on the command line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, TypeVar

from coffea_fm.errors import RecipeError
from coffea_fm.names import nearest

PathLike = str | os.PathLike[str]
Function = TypeVar("Function", bound=Callable[..., Any])


class RunKeywords(TypedDict, total=False):
    """Keywords of a function that runs a processor; see `RunOptions`."""

    schema: str | type
    treename: str
    dask: str
    workers: int
    chunksize: int
    skip_bad_files: bool
    checkpoints: PathLike | None
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
    dask : str
        Address of a dask scheduler, or ``"local"`` to start a cluster with `workers` processes.
    workers : int
        Number of processes on this machine.
    chunksize : int
        Approximate number of events per chunk.
    skip_bad_files : bool
        Skip and count damaged files; otherwise the first one ends the run.
    checkpoints : path-like, optional
        Folder for finished chunks; an interrupted run resumes from them.
    quiet : bool
        Do not show progress.
    """

    schema: str | type = _option("PFNanoAODSchema", "NanoEvents schema of coffea-fm or coffea.")  # noqa: RUF009
    treename: str = _option("Events", "Name of the tree if the fileset has none.")
    dask: str = _option("", "Address of a dask scheduler, or 'local' to start --workers processes.")
    workers: int = _option(1, "Number of processes on this machine.", 1)
    chunksize: int = _option(100_000, "Approximate number of events per chunk.", 1)
    skip_bad_files: bool = _option(False, "Skip and count damaged files.")
    checkpoints: PathLike | None = _option(None, "Folder for finished chunks, to resume an interrupted run.")  # noqa: RUF009
    quiet: bool = _option(False, "Do not show progress.")

    def __post_init__(self) -> None:
        for name in ("workers", "chunksize"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name}={getattr(self, name)}: must be at least 1")

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
        """Create the executor, with a local dask cluster if requested."""
        from coffea_fm.running.cluster import dask_client
        from coffea_fm.running.executors import make_executor

        if not self.dask:
            yield make_executor(workers=self.workers, skip_unreadable=self.skip_bad_files)
            return
        with dask_client(self.dask, self.workers) as client:
            yield make_executor(client=client, skip_unreadable=self.skip_bad_files)


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
