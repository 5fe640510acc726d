"""Execute a processor over a fileset with coffea's Runner, and account for every event."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from coffea.processor import ProcessorABC, Runner
from coffea.processor.accumulator import accumulate
from coffea.processor.executor import WorkItem

from coffea_fm.errors import CoffeaFMError, InputError, OutputError
from coffea_fm.files import remove_temporary, start_of
from coffea_fm.remote import timeout_seconds
from coffea_fm.running.checkpoints.store import Checkpoints, chunk_name, open_checkpoints
from coffea_fm.running.chunk_account import account, unread
from coffea_fm.running.chunks import AUTO, parse_chunksize
from coffea_fm.running.chunksize import chunk_size
from coffea_fm.running.executors import TaskExecutor, without_tracebacks
from coffea_fm.running.fileset import Fileset, file_format
from coffea_fm.running.friends import Friends
from coffea_fm.running.headers import File, Header, read_headers
from coffea_fm.running.merging import Merging
from coffea_fm.running.opening import readable_branches
from coffea_fm.running.process import Process
from coffea_fm.running.progress.watch import watched
from coffea_fm.running.result import RunResult
from coffea_fm.running.tasks import describe
from coffea_fm.running.throughput.account import Throughput
from coffea_fm.running.unfinished import Unfinished

_log = logging.getLogger(__name__)


def execute(
    processor: ProcessorABC,
    fileset: Fileset,
    schema: Any,
    executor: TaskExecutor,
    *,
    chunksize: int | str = AUTO,
    checkpoints: str | os.PathLike[str] | None = None,
    folder: Path | None = None,
    friends: Friends | None = None,
    quiet: bool = False,
) -> RunResult:
    """Run a processor over all files of a fileset, up to its ``postprocess``.

    Parameters
    ----------
    processor : ProcessorABC
        The processor; it is pickled to the workers.
    fileset : Fileset
        As `coffea_fm.running.fileset.read_fileset` gives it.
    schema : type
        A NanoEvents schema class.
    executor : TaskExecutor
        From `coffea_fm.running.executors.make_executor`.
    chunksize : int or "auto"
        Approximate number of events per chunk.
    checkpoints : path-like, optional
        Keep finished chunks in this folder, which the workers share, and take them from there.
    folder : Path, optional
        Output folder. If some chunks cannot be done, what the others gave is kept there, and taken from there when
        the same is run again.
    friends : Friends, optional
        Write parts of these for each chunk.
    quiet : bool
        Show no progress.

    Returns
    -------
    RunResult
        Chunks that could not be done, for reasons that are not in the processor, are in ``missing``.

    Raises
    ------
    InputError
        If no file can be read, the processor fails, or no chunk can be done.
    """
    start = time.perf_counter()
    data_format = file_format(fileset)
    identity = _identity(processor, schema, friends, checkpoints, folder)
    kept = identity if checkpoints is not None else None
    with without_tracebacks():
        headers, unreadable = _headers(fileset, executor, data_format, quiet=quiet)
        given, place = parse_chunksize(chunksize), kept.folder if kept else folder
        size = chunk_size(given, processor, schema, headers, executor, besides=friends, folder=place)
        _log.info("%s", size)
        by_name = _named_chunks(headers, fileset, size.events)
        _log.info("%d chunks of %d files on %s", len(by_name), len(headers), type(executor).__name__)
        if kept is not None:
            kept.describe(processor, len(by_name))
        executor = executor.copy(
            run=start_of(_run_name(identity, by_name)),
            names={chunk: name for name, chunk in by_name.items()},
            checkpoints=kept,
        )
        timeout = timeout_seconds()
        runner = Runner(executor=executor, schema=schema, format=data_format, savemetrics=True, xrootdtimeout=timeout)
        branches = readable_branches(schema) if data_format == "root" else {}
        process = Process(processor, friends)
        if by_name:
            unfinished = Unfinished(folder, identity) if folder is not None and identity is not None else None
            out = _run(runner, by_name, process, branches, unfinished, quiet=quiet)
        else:
            chunk = headers[0].nothing(fileset[headers[0].file.dataset])
            out = _run_on_nothing(runner, chunk, process, branches)
    _remove_temporary(executor, folder, out)
    chunks = list(by_name.values())
    result = account(chunks, headers, out)
    return replace(
        result,
        seconds=time.perf_counter() - start,
        chunksize=size,
        skipped={**{describe(file): why for file, why in unreadable.items()}, **result.skipped},
        notes=[*unread(fileset, headers, chunks), *result.notes],
    )


def _headers(
    fileset: Fileset, executor: TaskExecutor, data_format: str, *, quiet: bool
) -> tuple[list[Header], dict[File, str]]:
    """The headers of the files that can be read, at least one, and why others cannot."""
    n_files = sum(len(dataset.files) for dataset in fileset.values())
    with watched(executor, "Reading headers", "file", [0] * n_files, quiet=quiet) as seen:
        headers, unreadable = read_headers(fileset, seen.executor, data_format)
    if not headers:
        first = next(iter(unreadable.values()), "it names none")
        raise InputError(f"no file of the fileset can be read; the first: {first}")
    return headers, unreadable


def _named_chunks(headers: Sequence[Header], fileset: Fileset, size: int) -> dict[str, WorkItem]:
    """All chunks, by what checkpoints call them."""
    return {
        chunk_name(chunk, header): chunk
        for header in headers
        for chunk in header.chunks(fileset[header.file.dataset], size)
    }


def _run_name(identity: Checkpoints | None, names: Iterable[str]) -> str:
    """The same for each start of the same run."""
    return hashlib.sha256("".join([identity.run if identity else "", *sorted(names)]).encode()).hexdigest()[:8]


def _remove_temporary(executor: TaskExecutor, folder: Path | None, out: Mapping[str, Any]) -> None:
    """Remove what killed workers were writing, wherever this run writes."""
    kept_at = executor.checkpoints.place if executor.checkpoints else None
    written_to = (Path(file).parent for file, _ in out.get("files", ()))
    for place in filter(None, {*written_to, folder, kept_at}):
        remove_temporary(place, executor.run)


def _identity(
    processor: ProcessorABC, schema: Any, friends: Friends | None, checkpoints: Any, folder: Path | None
) -> Checkpoints | None:
    """What the run is, from before it starts; None if nothing of it can be kept, and nobody asked for it."""
    if checkpoints is None and folder is None:
        return None
    try:
        return open_checkpoints(Path(checkpoints or folder or ""), processor, schema, friends)
    except Exception as error:  # objects of users may raise anything when they are described
        if checkpoints is not None:
            raise
        _log.info("an incomplete run cannot be completed later: %s", error)
        return None


def _run(
    runner: Runner,
    by_name: Mapping[str, WorkItem],
    process: Process,
    branches: dict[str, str],
    unfinished: Unfinished | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """All chunks but those that an incomplete run before this one has done; what is missing then is kept for the next."""
    done, before = unfinished.read(by_name) if unfinished is not None else (set(), {})
    todo = [chunk for name, chunk in by_name.items() if name not in done]
    out: dict[str, Any] = {}
    if todo:
        with watched(runner.executor, "Processing", "chunk", [len(chunk) for chunk in todo], quiet=quiet) as seen:
            runner.executor = seen.executor
            out = dict(runner.run(todo, process, iteritems_options=branches))
        out.setdefault("throughput", Throughput()).repeated = seen.state.repeated
    out.pop("exception", None)
    if done:
        before = {**before, "processed": {by_name[name] for name in done}}
        out = accumulate([out], before)
        out.setdefault("remarks", []).append(f"{len(done)} of {len(by_name)} chunks are from the run before this one")
    if unfinished is not None:
        if out.get("lost") and out.get("processed"):
            kept: dict[str, Any] = {key: out[key] for key in ("out", "metrics", "files") if key in out}
            processed = out["processed"]
            with suppress(OutputError):  # the disk is full: then the next run starts from the beginning
                unfinished.write([name for name, chunk in by_name.items() if chunk in processed], kept)
        else:
            unfinished.remove()
    return out


def _run_on_nothing(runner: Runner, chunk: WorkItem, process: Process, branches: dict[str, str]) -> dict[str, Any]:
    """Where no file has events, the processor is asked for its empty output, so that there are empty histograms."""
    try:
        return dict(runner.run([chunk], process, iteritems_options=branches))
    except CoffeaFMError as error:
        notes = [f"there are no events, and the processor cannot make an empty output: {error}"]
        return {"out": Merging({}), "processed": set(), "metrics": {}, "notes": notes}
