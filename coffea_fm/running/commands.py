"""What `coffea-fm run`, `collect` and `demo` do, for notebooks and scripts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, Unpack

from coffea.processor import ProcessorABC

from coffea_fm.errors import InputError, OutputError
from coffea_fm.evaluation.tagging import draw_tagging
from coffea_fm.files import prepare_folder, removed_if_empty
from coffea_fm.plots.style import Label, save
from coffea_fm.running.accumulated import take_apart
from coffea_fm.running.chunks import FILE_PER_CHUNK, KEPT
from coffea_fm.running.execute import execute
from coffea_fm.running.friends import friends_of
from coffea_fm.running.missing import to_fileset, write_missing
from coffea_fm.running.options import PathLike, RunKeywords, RunOptions, shows_run_options
from coffea_fm.running.outputs import finish
from coffea_fm.running.processors import as_processor, describe
from coffea_fm.running.result import RunResult
from coffea_fm.running.schemas import find_schema
from coffea_fm.running.sources import as_fileset
from coffea_fm.shipped import shipped

FilesetLike: TypeAlias = PathLike | Sequence[PathLike] | Mapping[str, Any]
ProcessorLike: TypeAlias = PathLike | ProcessorABC | type[ProcessorABC]

_log = logging.getLogger(__name__)


@shows_run_options
def run(
    processor: ProcessorLike,
    fileset: FilesetLike,
    output: PathLike | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    friends: str | Sequence[str] = (),
    plots: bool = True,
    **keywords: Unpack[RunKeywords],
) -> RunResult:
    """Run a coffea processor over a fileset, here or on a dask cluster, and write what it returns.

    Parameters
    ----------
    processor : str, ProcessorABC or type
        An instance or a class; or ``file.py``, ``file.py:Class``, ``package.module:Class``, or the name of a shipped one
        such as ``"tag_jets"``.
    fileset : path-like, sequence of path-like, or mapping
        A fileset or the JSON file of one, or the ROOT or parquet files themselves.
    output : path-like, optional
        Folder for what is written; nothing is written if it is not given.
    options : mapping, optional
        For the constructor of the processor.
    friends : str or sequence of str
        Outputs of the processor's taggers, such as ``("scores", "embedding")``, to be written of all jets as friend files
        in ``friends`` of the folder. The processor offers its taggers as an attribute: ``taggers = {"FatJet": tagger}``.
    plots : bool
        Draw the histograms.
    **keywords
        How it is run, see `RunOptions`: ``schema``, ``treename``, ``cluster``, ``cluster_config``, ``workers``, ``chunksize``,
        ``skip_bad_files``, ``checkpoints``, ``performance_report``, ``quiet``.

    Returns
    -------
    RunResult
        The output of the processor, and the account of what was read and written.

    Raises
    ------
    RecipeError
        If the fileset, the processor or an option is not valid; before anything runs.
    InputError
        If a file cannot be read, or the processor fails. What fails after the last chunk is in ``failures`` instead.
    IncompleteRunError
        If some chunks could not be done. What the others gave was written, and is in its ``result``; the same call
        completes it.
    """
    settings = RunOptions.of(keywords)
    return _run(processor, fileset, output, options, settings, friends=friends, plots=plots).refuse_incomplete()


def _run(
    processor: ProcessorLike,
    fileset: FilesetLike,
    output: PathLike | None,
    options: Mapping[str, Any] | None,
    settings: RunOptions,
    *,
    friends: str | Sequence[str] = (),
    plots: bool = False,
    arrays: bool = True,
) -> RunResult:
    files = as_fileset(fileset, settings.treename)
    schema = find_schema(settings.schema)
    instance = as_processor(processor, options)
    folder = None if output is None else Path(output)
    if folder is not None:
        prepare_folder(folder)
    beside = friends_of(instance, friends, folder, keeps_parts=settings.checkpoints is not None)
    with removed_if_empty(folder, KEPT), settings.executor() as executor:
        result = execute(
            instance,
            files,
            schema,
            executor,
            chunksize=settings.chunksize,
            checkpoints=settings.checkpoints,
            folder=folder,
            friends=beside,
            quiet=settings.quiet,
        )
    result = replace(result, processor=describe(processor, instance, options))
    if folder is not None:
        with suppress(OutputError):  # then the account says so for every file
            write_missing(to_fileset(result.missing, files), folder)
    return finish(result, instance, folder, plots=plots, arrays=arrays, friends=beside)


@shows_run_options
def collect(
    fileset: FilesetLike,
    output: PathLike,
    *,
    processor: ProcessorLike = "collect_jets",
    options: Mapping[str, Any] | None = None,
    **keywords: Unpack[RunKeywords],
) -> RunResult:
    """Run a processor that writes training shards; repeating it with the same chunk size duplicates nothing.

    Parameters
    ----------
    fileset, processor, options, **keywords
        As for `run`; 50,000 events per chunk by default.
    output : path-like
        Folder for the shards: the option ``folder`` of the processor.

    Returns
    -------
    RunResult
        With the shards in ``written["shards"]``.

    Raises
    ------
    InputError
        If nothing was collected.
    IncompleteRunError
        As `run`.
    """
    folder = Path(output)
    keywords.setdefault("chunksize", FILE_PER_CHUNK)
    given = {"folder": str(folder.absolute()), **(options or {})}
    # arrays are parquet files, and would be taken for shards
    result = _run(processor, fileset, folder, given, RunOptions.of(keywords), arrays=False)
    shards = sorted(map(str, folder.rglob("*.parquet")))
    if not shards:
        raise InputError(
            f"nothing was collected into {folder}, after {result.n_events} events: {folder / 'cutflow.json'} counts what "
            "was left out, and the processor must write to the folder that its option 'folder' names"
        )
    _log.info("%d shards in %s", len(shards), folder)
    return replace(result, written={**result.written, "shards": shards}).refuse_incomplete()


def demo(output: PathLike = "demo-output", *, workers: int = 2, quiet: bool = False) -> RunResult:
    """Tag the shipped jets with the shipped bundle on a local dask cluster and draw the result; no network needed.

    Parameters
    ----------
    output : path-like
        Folder for what is written.
    workers : int
        Processes of the dask cluster.
    quiet : bool
        Show no progress.
    """
    samples = sorted(str(path) for path in shipped("samples").glob("*.root"))
    result = run(
        "tag_jets",
        samples,
        output,
        options={"bundle": "jet-classifier-small"},
        plots=False,
        cluster="local",
        workers=workers,
        chunksize=1000,
        quiet=quiet,
    )
    figures = draw_tagging(take_apart(result.output).histograms, label=Label(energy=13))
    plots = [str(path) for name, figure in figures.items() for path in save(figure, Path(output) / "plots" / name)]
    return replace(result, written={**result.written, "plots": plots})
