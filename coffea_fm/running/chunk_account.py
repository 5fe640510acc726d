"""What became of every chunk of a run, and what of the fileset was left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from coffea.processor.executor import WorkItem

from coffea_fm.errors import InputError
from coffea_fm.running.fileset import Fileset
from coffea_fm.running.headers import Header
from coffea_fm.running.missing import missing_entries
from coffea_fm.running.processed_files import processed_files
from coffea_fm.running.result import RunResult
from coffea_fm.running.tasks import describe
from coffea_fm.running.throughput.account import Throughput

_BUFFER = re.compile("-(data|offsets|mask|index|tags|starts|stops)$")
"""What coffea's names of columns end with: the part of awkward's array that was read from the branch."""


def account(chunks: Sequence[WorkItem], headers: Sequence[Header], out: Mapping[str, Any]) -> RunResult:
    """What became of every chunk."""
    failed: dict[WorkItem, str] = out.get("failed", {})
    lost: dict[WorkItem, str] = out.get("lost", {})
    processed: set[WorkItem] = out.get("processed", set())
    if chunks and not processed:
        first = next(iter((failed | lost).values()))
        raise InputError(f"no chunk of the fileset could be processed; the first: {first}")
    _check(chunks, processed, failed | lost)
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


def unread(fileset: Fileset, headers: Sequence[Header], chunks: Sequence[WorkItem]) -> list[str]:
    """What of the fileset was left out on purpose."""
    notes = [sentence for dataset in fileset.values() for sentence in dataset.unread]
    stepped = [header for header in headers if header.file.filename in fileset[header.file.dataset].steps]
    if stepped:
        files = {header.file.filename for header in stepped}
        read = sum(len(chunk) for chunk in chunks if chunk.filename in files)
        total = sum(header.entries for header in stepped)
        notes.append(f"{read} of {total} entries were asked for by the steps of the fileset")
    return notes


def _of_checkpoints(out: Mapping[str, Any]) -> list[str]:
    kept = [f"{out['kept']} of {len(out['processed'])} chunks are from checkpoints"] if out.get("kept") else []
    return [*kept, *out.get("remarks", ())]


def _check(chunks: Sequence[WorkItem], processed: set[WorkItem], failed: dict[WorkItem, str]) -> None:
    lost = set(chunks) - set(processed) - failed.keys()
    if lost:
        raise InputError(
            f"{len(lost)} of {len(chunks)} chunks gave no result, the first {describe(min(lost, key=str))}"
        )
