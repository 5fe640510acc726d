"""Which entries of which files a run processed; so that friends are aligned and nothing is merged twice."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from coffea.processor.executor import WorkItem

from coffea_fm.errors import InputError
from coffea_fm.files import identity
from coffea_fm.running.headers import Header

Ranges = tuple[tuple[int, int], ...]
_NO_UUID = str(uuid.UUID(int=0))


@dataclass(frozen=True)
class ProcessedFile:
    """A file, and what was processed of it.

    Parameters
    ----------
    dataset, file, treename : str
        Where it is.
    uuid : str
        Of the file.
    entries : int
        Of its tree.
    ranges : tuple of (int, int)
        Processed chunks in order, ends excluded.
    """

    dataset: str
    file: str
    treename: str
    uuid: str
    entries: int
    ranges: Ranges

    @property
    def identity(self) -> tuple[str, str]:
        """The same for the same file: its UUID, or where it is."""
        return (identity(self.file) if self.uuid == _NO_UUID else self.uuid), self.treename


def processed_files(headers: Iterable[Header], processed: Iterable[WorkItem]) -> list[ProcessedFile]:
    """The files whose headers were read, with the chunks that gave a result."""
    ranges: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for chunk in processed:
        ranges[chunk.dataset, chunk.filename].append((chunk.entrystart, chunk.entrystop))
    return [
        ProcessedFile(
            header.file.dataset,
            header.file.filename,
            header.file.treename,
            str(uuid.UUID(bytes=header.identifier)),
            header.entries,
            tuple(sorted(part for part in ranges[header.file.dataset, header.file.filename] if part[1] > part[0])),
        )
        for header in headers
    ]


def united(files: Iterable[ProcessedFile]) -> list[ProcessedFile]:
    """One entry a file and dataset, with all that was processed of it."""
    found: dict[tuple[str, str, str], ProcessedFile] = {}
    for file in files:
        key = file.dataset, file.file, file.treename
        before = found.setdefault(key, file)
        found[key] = replace(before, ranges=tuple(sorted({*before.ranges, *file.ranges})))
    return list(found.values())


def joined(ranges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The same entries in as few ranges as there can be."""
    found: list[list[int]] = []
    for start, stop in sorted(ranges):
        if found and found[-1][1] == start:
            found[-1][1] = stop
        else:
            found.append([start, stop])
    return found


def missing(file: ProcessedFile) -> list[tuple[int, int]]:
    """Entries that were not processed."""
    done = [(0, 0), *map(tuple, joined(file.ranges)), (file.entries, file.entries)]
    return [(before[1], after[0]) for before, after in pairwise(done) if after[0] > before[1]]


def to_fileset(files: Iterable[ProcessedFile]) -> dict[str, Any]:
    """As coffea's ``preprocess`` writes it: a fileset whose ``steps`` are what was processed."""
    fileset: dict[str, Any] = {}
    for file in files:
        fileset.setdefault(file.dataset, {"files": {}})["files"][file.file] = {
            "object_path": file.treename,
            "steps": joined(file.ranges),
            "num_entries": file.entries,
            "uuid": file.uuid,
        }
    return fileset


def from_fileset(fileset: Mapping[str, Any]) -> Iterator[ProcessedFile]:
    """What `to_fileset` wrote."""
    for dataset, content in fileset.items():
        for file, about in content["files"].items():
            steps = tuple((int(start), int(stop)) for start, stop in about["steps"])
            yield ProcessedFile(dataset, file, about["object_path"], about["uuid"], about["num_entries"], steps)


def refuse_twice(runs: Mapping[str, Sequence[ProcessedFile]]) -> None:
    """Refuse runs that processed the same entries.

    Parameters
    ----------
    runs : mapping of str to sequence of ProcessedFile
        By what the run is called.

    Raises
    ------
    InputError
        Names the file and the entries.
    """
    seen: dict[tuple[str, str], list[tuple[int, int, str, str]]] = defaultdict(list)
    for name, files in runs.items():
        for file in files:
            before = seen[file.identity]
            for start, stop in file.ranges:
                for first, last, other, path in before:
                    if start < last and first < stop:
                        also = "" if path == file.file else f" (there {path})"
                        raise InputError(
                            f"{other}{also} and {name} both processed entries {max(start, first)} to {min(stop, last)} "
                            f"of {file.file}: its events would count double; leave one out"
                        )
            before += [(*part, name, file.file) for part in file.ranges]
