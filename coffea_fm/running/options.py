"""How a processor is run: the same options for `run`, `collect` and `evaluate`, in Python and on the command line."""

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
    """The keywords of a function that runs a processor; `RunOptions` says what they mean."""

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
    """How a processor is run.

    Parameters
    ----------
    schema : str or type
        NanoEvents schema: a class, or the name of one of coffea-fm or coffea.
    treename : str
        The tree, where the fileset does not name it.
    dask : str
        Address of a dask scheduler, or ``"local"`` to start `workers`.
    workers : int
        Processes on this machine.
    chunksize : int
        Events a chunk, about.
    skip_bad_files : bool
        Leave out, and count, files that are damaged; without it the first one ends the run.
    checkpoints : path-like, optional
        Keep finished chunks in this folder: a stopped run continues from them.
    quiet : bool
        Show no progress.
    """

    schema: str | type = _option("PFNanoAODSchema", "NanoEvents schema of coffea-fm or coffea.")  # noqa: RUF009
    treename: str = _option("Events", "Tree, where the fileset does not name it.")
    dask: str = _option("", "Address of a dask scheduler, or 'local' to start --workers.")
    workers: int = _option(1, "Processes on this machine.", 1)
    chunksize: int = _option(100_000, "Events a chunk, about.", 1)
    skip_bad_files: bool = _option(False, "Leave out and count files that are damaged.")
    checkpoints: PathLike | None = _option(None, "Folder for finished chunks: a stopped run continues from them.")  # noqa: RUF009
    quiet: bool = _option(False, "Show no progress.")

    def __post_init__(self) -> None:
        for name in ("workers", "chunksize"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name}={getattr(self, name)}: give at least 1")

    @classmethod
    def of(cls, keywords: RunKeywords) -> RunOptions:
        """Options from the keywords of a call.

        Raises
        ------
        RecipeError
            If one is unknown: names the nearest.
        """
        known = [option.name for option in fields(cls)]
        for name in keywords:
            if name not in known:
                raise RecipeError(f"there is no option {name!r} of a run: {nearest(name, known)}")
        return cls(**keywords)

    @contextmanager
    def executor(self) -> Iterator[Any]:
        """The executor to run on, with a dask cluster of its own if need be."""
        from coffea_fm.running.cluster import dask_client
        from coffea_fm.running.executors import make_executor

        if not self.dask:
            yield make_executor(workers=self.workers, skip_unreadable=self.skip_bad_files)
            return
        with dask_client(self.dask, self.workers) as client:
            yield make_executor(client=client, skip_unreadable=self.skip_bad_files)


def shows_run_options(function: Function) -> Function:
    """Let ``help()`` and editors show the options of a run in place of ``**keywords``."""
    signature = inspect.signature(function)
    own = [entry for entry in signature.parameters.values() if entry.kind is not entry.VAR_KEYWORD]
    shared = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(RunOptions)
        if option.name not in signature.parameters
    ]
    function.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return function
