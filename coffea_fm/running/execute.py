"""Execute a processor over a fileset with coffea's Runner, and account for every event."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coffea.processor import ProcessorABC, Runner
from coffea.processor.executor import ExecutorBase, WorkItem

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.remote import timeout_seconds
from coffea_fm.running.checkpoints import Checkpoints, fingerprint
from coffea_fm.running.executors import describe, progress_on_stderr
from coffea_fm.running.fileset import Fileset, file_format
from coffea_fm.running.friends import Friends
from coffea_fm.running.headers import Header, read_headers
from coffea_fm.running.merging import Merging
from coffea_fm.running.opening import readable_branches
from coffea_fm.running.process import Process
from coffea_fm.running.processed_files import processed_files
from coffea_fm.running.result import RunResult

_log = logging.getLogger(__name__)

_BUFFER = re.compile("-(data|offsets|mask|index|tags|starts|stops)$")
"""What coffea's names of columns end with: the part of awkward's array that was read from the branch."""


def execute(
    processor: ProcessorABC,
    fileset: Fileset,
    schema: Any,
    executor: ExecutorBase,
    *,
    chunksize: int = 100_000,
    checkpoints: str | os.PathLike[str] | None = None,
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
    executor : ExecutorBase
        From `coffea_fm.running.executors.make_executor`.
    chunksize : int
        Approximate number of events per chunk.
    checkpoints : path-like, optional
        Keep finished chunks in this folder, which the workers share, and take them from there.
    friends : Friends, optional
        Write parts of these for each chunk.
    quiet : bool
        Show no progress.

    Raises
    ------
    InputError
        If a file cannot be read (and is not to be skipped), or the processor fails, or there are no events at all.
    """
    start = time.perf_counter()
    data_format = file_format(fileset)
    kept = None
    if checkpoints is not None:
        metadata = {name: dataset.metadata for name, dataset in fileset.items()}
        kept = Checkpoints(Path(checkpoints).absolute(), fingerprint(processor, schema, friends), metadata)
    with progress_on_stderr(quiet=quiet):
        headers, failed_files = read_headers(fileset, executor, data_format)
        chunks = [chunk for header in headers for chunk in header.chunks(fileset[header.file.dataset], chunksize)]
        if not headers:
            first = next(iter(failed_files.values()), "it names none")
            raise InputError(f"no file of the fileset can be read; the first: {first}")
        _log.info("%d chunks of %d files on %s", len(chunks), len(headers), type(executor).__name__)
        branches = readable_branches(schema) if data_format == "root" else {}
        runner = Runner(
            executor=executor,
            schema=schema,
            format=data_format,
            savemetrics=True,
            checkpointer=kept,
            xrootdtimeout=timeout_seconds(),
        )
        process = Process(processor, friends)
        if chunks:
            out = runner.run(list(chunks), process, iteritems_options=branches)
        else:
            chunk = headers[0].nothing(fileset[headers[0].file.dataset])
            out = _run_on_nothing(runner, chunk, process, branches)
    failed: dict[WorkItem, str] = out.get("failed", {})
    if chunks and len(failed) == len(chunks):
        raise InputError(f"no chunk of the fileset could be read; the first: {next(iter(failed.values()))}")
    _check_account(chunks, out["processed"], failed)
    events: Counter[str] = Counter()
    for chunk in sorted(out["processed"], key=lambda item: item.dataset):
        events[chunk.dataset] += len(chunk)
    return RunResult(
        output=out["out"].output,
        events=dict(events),
        seconds=time.perf_counter() - start,
        files=len({chunk.filename for chunk in chunks} - {chunk.filename for chunk in failed}),
        chunks=len(out["processed"]) if chunks else 0,
        skipped={describe(item): why for item, why in (failed_files | failed).items()},
        events_skipped=sum(map(len, failed)),
        empty_files=[header.file.filename for header in headers if not header.entries],
        processed=processed_files(headers, out["processed"]),
        columns=sorted({_BUFFER.sub("", name) for name in out["metrics"].get("columns", ())}),
        notes=[*_unread(fileset, headers, chunks), *out.get("notes", ())],
    )


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
