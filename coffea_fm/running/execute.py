"""Execute a processor over a fileset with coffea's Runner, and account for every event."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
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
from coffea_fm.running.chunks import AUTO, parse_chunksize
from coffea_fm.running.chunksize import chunk_size
from coffea_fm.running.executors import TaskExecutor, without_tracebacks
from coffea_fm.running.fileset import Fileset, file_format
from coffea_fm.running.friends import Friends
from coffea_fm.running.headers import Header, read_headers
from coffea_fm.running.merging import Merging
from coffea_fm.running.missing import missing_entries
from coffea_fm.running.opening import readable_branches
from coffea_fm.running.process import Process
from coffea_fm.running.processed_files import processed_files
from coffea_fm.running.progress.watch import watched
from coffea_fm.running.result import RunResult
from coffea_fm.running.tasks import describe
from coffea_fm.running.throughput.account import Throughput
from coffea_fm.running.unfinished import Unfinished

_log = logging.getLogger(__name__)

_BUFFER = re.compile("-(data|offsets|mask|index|tags|starts|stops)$")
"""What coffea's names of columns end with: the part of awkward's array that was read from the branch."""


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
    with without_tracebacks():
        n_files = sum(len(dataset.files) for dataset in fileset.values())
        with watched(executor, "Reading headers", "file", [0] * n_files, quiet=quiet) as seen:
            headers, failed_files = read_headers(fileset, seen.executor, data_format)
        if not headers:
            first = next(iter(failed_files.values()), "it names none")
            raise InputError(f"no file of the fileset can be read; the first: {first}")
        kept_in = identity.folder if checkpoints is not None and identity is not None else folder
        size = chunk_size(
            parse_chunksize(chunksize), processor, schema, headers, executor, besides=friends, folder=kept_in
        )
        _log.info("%s", size)
        by_name = {
            chunk_name(chunk, header): chunk
            for header in headers
            for chunk in header.chunks(fileset[header.file.dataset], size.events)
        }
        chunks = list(by_name.values())
        _log.info("%d chunks of %d files on %s", len(chunks), len(headers), type(executor).__name__)
        branches = readable_branches(schema) if data_format == "root" else {}
        name = hashlib.sha256("".join([identity.run if identity else "", *sorted(by_name)]).encode()).hexdigest()[:8]
        start_name = start_of(name)
        executor = executor.copy(run=start_name, names={chunk: name for name, chunk in by_name.items()})
        if checkpoints is not None and identity is not None:
            identity.describe(processor, len(chunks))
            executor.checkpoints = identity
        runner = Runner(
            executor=executor,
            schema=schema,
            format=data_format,
            savemetrics=True,
            xrootdtimeout=timeout_seconds(),
        )
        process = Process(processor, friends)
        unfinished = Unfinished(folder, identity) if folder is not None and identity is not None else None
        if chunks:
            out = _run(runner, by_name, process, branches, unfinished, quiet=quiet)
        else:
            chunk = headers[0].nothing(fileset[headers[0].file.dataset])
            out = _run_on_nothing(runner, chunk, process, branches)
    kept_at = executor.checkpoints.place if executor.checkpoints else None
    written_to = (Path(file).parent for file, _ in out.get("files", ()))
    for place in filter(None, {*written_to, folder, kept_at}):
        remove_temporary(place, start_name)
    result = _account(chunks, headers, out)
    return replace(
        result,
        seconds=time.perf_counter() - start,
        chunksize=size,
        skipped={**{describe(file): why for file, why in failed_files.items()}, **result.skipped},
        notes=[*_unread(fileset, headers, chunks), *result.notes],
    )


def _account(chunks: Sequence[WorkItem], headers: Sequence[Header], out: Mapping[str, Any]) -> RunResult:
    """What became of every chunk."""
    failed: dict[WorkItem, str] = out.get("failed", {})
    lost: dict[WorkItem, str] = out.get("lost", {})
    processed: set[WorkItem] = out.get("processed", set())
    if chunks and not processed:
        first = next(iter((failed | lost).values()))
        raise InputError(f"no chunk of the fileset could be processed; the first: {first}")
    _check_account(chunks, processed, failed | lost)
    events: Counter[str] = Counter()
    for chunk in sorted(processed, key=lambda item: item.dataset):
        events[chunk.dataset] += len(chunk)
    return RunResult(
        output=out["out"].output,
        events=dict(events),
        seconds=0.0,
        files=len({chunk.filename for chunk in chunks} - {chunk.filename for chunk in failed | lost}),
        chunks=len(processed) if chunks else 0,
        skipped={describe(item): why for item, why in failed.items()},
        events_skipped=sum(map(len, failed)),
        empty_files=[header.file.filename for header in headers if not header.entries],
        processed=processed_files(headers, processed),
        missing=missing_entries(lost),
        throughput=out.get("throughput", Throughput()),
        columns=sorted({_BUFFER.sub("", name) for name in out["metrics"].get("columns", ())}),
        notes=[*_of_checkpoints(out), *out.get("notes", ())],
    )


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


def _of_checkpoints(out: Mapping[str, Any]) -> list[str]:
    kept = [f"{out['kept']} of {len(out['processed'])} chunks are from checkpoints"] if out.get("kept") else []
    return [*kept, *out.get("remarks", ())]


def _run_on_nothing(runner: Runner, chunk: WorkItem, process: Process, branches: dict[str, str]) -> dict[str, Any]:
    """Where no file has events, the processor is asked for its empty output, so that there are empty histograms."""
    try:
        return dict(runner.run([chunk], process, iteritems_options=branches))
    except CoffeaFMError as error:
        notes = [f"there are no events, and the processor cannot make an empty output: {error}"]
        return {"out": Merging({}), "processed": set(), "metrics": {}, "notes": notes}


def _unread(fileset: Fileset, headers: Sequence[Header], chunks: Sequence[WorkItem]) -> list[str]:
    """What of the fileset was left out on purpose."""
    notes = [sentence for dataset in fileset.values() for sentence in dataset.unread]
    stepped = [header for header in headers if header.file.filename in fileset[header.file.dataset].steps]
    if stepped:
        files = {header.file.filename for header in stepped}
        read = sum(len(chunk) for chunk in chunks if chunk.filename in files)
        total = sum(header.entries for header in stepped)
        notes.append(f"{read} of {total} entries were asked for by the steps of the fileset")
    return notes


def _check_account(chunks: Sequence[WorkItem], processed: set[WorkItem], failed: dict[WorkItem, str]) -> None:
    lost = set(chunks) - set(processed) - failed.keys()
    if lost:
        raise InputError(
            f"{len(lost)} of {len(chunks)} chunks gave no result, the first {describe(min(lost, key=str))}"
        )
