"""Entries that a run could not process: named exactly, and kept ready to be completed by the same command."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffea.processor.executor import WorkItem

from coffea_fm.files import atomic
from coffea_fm.names import counted
from coffea_fm.running.fileset import Fileset
from coffea_fm.running.processed_files import joined
from coffea_fm.running.tasks import describe

MISSING = "missing.json"


@dataclass(frozen=True)
class MissingEntries:
    """Ranges of one file.

    Parameters
    ----------
    dataset, file, treename : str
        Where they are.
    ranges : list of [int, int]
        In order, ends excluded.
    reason : str
        Why the first of them is missing.
    """

    dataset: str
    file: str
    treename: str
    ranges: list[list[int]]
    reason: str

    @property
    def events(self) -> int:
        """How many entries these are."""
        return sum(stop - start for start, stop in self.ranges)

    def __str__(self) -> str:
        """One line."""
        ranges = ", ".join(f"{start} to {stop}" for start, stop in self.ranges)
        return f"{self.file}, entries {ranges}: {self.reason}"


def missing_entries(lost: Mapping[WorkItem, str]) -> list[MissingEntries]:
    """What is missing, file by file.

    Parameters
    ----------
    lost : mapping of WorkItem to str
        Why each chunk was not done.
    """
    by_file: dict[tuple[str, str, str], list[WorkItem]] = defaultdict(list)
    for item in lost:
        by_file[item.dataset, item.filename, item.treename].append(item)
    found = []
    for place, items in sorted(by_file.items()):
        first = min(items, key=lambda item: item.entrystart)
        ranges = joined((item.entrystart, item.entrystop) for item in items)
        reason = lost[first].removeprefix(f"{describe(first)}: ")
        found.append(MissingEntries(*place, ranges, reason))
    return found


def to_fileset(missing: Iterable[MissingEntries], fileset: Fileset) -> dict[str, Any]:
    """A fileset of what is missing: the files with ``steps``, and the metadata of their datasets."""
    content: dict[str, Any] = {}
    for part in missing:
        given = fileset[part.dataset]
        preload = {"preload": sorted(given.preload)} if given.preload is not None else {}
        dataset = content.setdefault(part.dataset, {"files": {}, "metadata": dict(given.metadata), **preload})
        others = given.replicas.get(part.file, ())[1:]
        replicas = {"replicas": list(others)} if others else {}
        dataset["files"][part.file] = {"object_path": part.treename, "steps": part.ranges, **replicas}
    return content


def write_missing(fileset: Mapping[str, Any], folder: Path) -> None:
    """Write the fileset of what is missing; remove one of an earlier run if nothing is."""
    path = folder / MISSING
    if not fileset:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(fileset, indent=2, default=str) + "\n")


def in_words(missing: Iterable[MissingEntries], folder: Path | None) -> str:
    """What is missing, and what to do."""
    parts = list(missing)
    total = sum(part.events for part in parts)
    where = f", listed in {folder / MISSING}" if folder is not None else ""
    return (
        f"{counted(total, 'event')} of {counted(len(parts), 'file')} are missing{where}: "
        "run the same command again to complete the result"
    )
