"""Execute a processor over a fileset with coffea's Runner, and account for every event."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uproot
from coffea.processor import ProcessorABC, Runner
from coffea.processor.executor import ExecutorBase, FileMeta, WorkItem

from coffea_fm.errors import InputError
from coffea_fm.running.checkpoints import Checkpoints, fingerprint
from coffea_fm.running.executors import describe, progress_on_stderr
from coffea_fm.running.failures import refuse_truncated
from coffea_fm.running.fileset import Fileset, file_format
from coffea_fm.running.result import RunResult

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
        Events a chunk, about.
    checkpoints : path-like, optional
        Keep finished chunks in this folder, which the workers share, and take them from there.
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
        kept = Checkpoints(Path(checkpoints).absolute(), fingerprint(processor, schema), metadata)
    with progress_on_stderr(quiet=quiet):
        metas, failed_files = _read_headers(fileset, executor, data_format)
        chunks = [chunk for meta in metas for chunk in meta.chunks(chunksize, False) if len(chunk)]
        if not chunks:
            raise InputError(
                f"the fileset has no events: of its files {len(metas)} are empty and {len(failed_files)} unreadable"
            )
        runner = Runner(executor=executor, schema=schema, format=data_format, savemetrics=True, checkpointer=kept)
        out = runner.run(list(chunks), processor.process)
    failed: dict[WorkItem, str] = out.get("failed", {})
    if len(failed) == len(chunks):
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
        chunks=len(out["processed"]),
        skipped={describe(item): why for item, why in (failed_files | failed).items()},
        events_skipped=sum(map(len, failed)),
        empty_files=[meta.filename for meta in metas if not meta.metadata["numentries"]],
        columns=sorted({_BUFFER.sub("", name) for name in out["metrics"].get("columns", ())}),
    )


def _read_headers(
    fileset: Fileset, executor: ExecutorBase, data_format: str
) -> tuple[list[FileMeta], dict[FileMeta, str]]:
    metas = [
        FileMeta(name, file, tree, dict(dataset.metadata))
        for name, dataset in fileset.items()
        for file, tree in dataset.files.items()
    ]
    headers = executor.copy(desc="Reading headers", unit="file", function_name="get_metadata", compression=None)
    found, _ = headers(metas, partial(_header, data_format), None)
    for meta in metas:
        meta.metadata |= found.get("found", {}).get(meta, {})
    failed = found.get("failed", {})
    return [meta for meta in metas if meta not in failed], failed


def _header(data_format: str, meta: FileMeta) -> dict[str, Any]:
    """Number of entries and identifier of one file, read on a worker."""
    if data_format == "parquet":
        header = Runner.metadata_fetcher_parquet(meta).pop().metadata
    else:
        with uproot.open({meta.filename: None}, timeout=60) as file:
            refuse_truncated(meta.filename, file.file.source.num_bytes, file.file.fEND)
            trees = file.keys(cycle=False, filter_classname=["TTree", "ROOT::RNTuple", "ROOT::Experimental::RNTuple"])
            if meta.treename not in trees:
                has = ", ".join(dict.fromkeys(trees)) or "no tree at all"
                raise InputError(f"{meta.filename} has no tree {meta.treename!r}: it has {has}")
            header = {"numentries": file[meta.treename].num_entries, "uuid": file.file.fUUID}
    return {"found": {meta: {key: header[key] for key in ("numentries", "uuid")}}}


def _check_account(chunks: Sequence[WorkItem], processed: set[WorkItem], failed: dict[WorkItem, str]) -> None:
    lost = set(chunks) - set(processed) - failed.keys()
    if lost:
        raise InputError(
            f"{len(lost)} of {len(chunks)} chunks gave no result, the first {describe(min(lost, key=str))}"
        )
