"""Read the headers of all files, on the workers, before the first event is processed."""

from __future__ import annotations

import hashlib
import math
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import fsspec
import uproot
from coffea.processor.executor import ExecutorBase, ParquetFileContext, WorkItem

from coffea_fm.errors import InputError
from coffea_fm.files import identity
from coffea_fm.remote import timeout_seconds
from coffea_fm.running.failures import refuse_truncated
from coffea_fm.running.fileset import Dataset, Fileset, Steps
from coffea_fm.running.replicas import REPLICAS

_FOOTER = 65536
_COMPRESSION = 3
"""Bytes in memory for one in the file, roughly: an RNTuple does not say without reading all its pages."""
_TREES = ["TTree", "ROOT::RNTuple", "ROOT::Experimental::RNTuple"]


@dataclass(frozen=True)
class File:
    """A file of a dataset, and the tree in it.

    coffea's own class cannot be a key if a name contains non-ASCII characters.

    Parameters
    ----------
    dataset, filename, treename : str
    replicas : tuple of str
        All places of the file, if there are several; `filename` is the first.
    """

    dataset: str
    filename: str
    treename: str
    replicas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Parameters
    ----------
    file : File
    entries : int
        Number of entries of the tree.
    identifier : bytes
        UUID of the file; copies of a file have the same.
    state : tuple of int or str
        Sizes, and a hash of the footer where there is no UUID: a file that was written anew has others.
    branches : int
        Number of branches of the tree: opening a file takes time for each.
    size : int
        Bytes of all branches, not compressed.
    """

    file: File
    entries: int
    identifier: bytes
    state: tuple[int | str, ...] = ()
    branches: int = 0
    size: int = 0

    def chunks(self, dataset: Dataset, chunksize: int) -> list[WorkItem]:
        """Split into ranges of about equal size: all entries, or the steps of the fileset.

        Raises
        ------
        InputError
            If the steps go beyond the entries.
        """
        steps: Steps = dataset.steps.get(self.file.filename, ((0, self.entries),))
        if steps and steps[-1][1] > self.entries:
            raise InputError(
                f"the fileset has steps up to entry {steps[-1][1]} of {self.file.filename}, which has {self.entries}: "
                "the file has changed; run coffea's preprocess again"
            )
        ranges = [part for start, stop in steps for part in _split(start, stop, chunksize)]
        return [self._item(dataset, *part) for part in ranges]

    def nothing(self, dataset: Dataset) -> WorkItem:
        """A chunk without entries."""
        return self._item(dataset, 0, 0)

    def _item(self, dataset: Dataset, start: int, stop: int) -> WorkItem:
        file = self.file
        places = {REPLICAS: file.replicas} if file.replicas else {}
        about = (self.identifier, dict(dataset.metadata) | places, dataset.preload)
        return WorkItem(file.dataset, file.filename, file.treename, start, stop, *about)


def read_headers(fileset: Fileset, executor: ExecutorBase, data_format: str) -> tuple[list[Header], dict[File, str]]:
    """Read the headers of all files.

    Returns
    -------
    headers : list of Header
        In the order of the fileset.
    failed : dict of File to str
        Why a file was skipped.

    Raises
    ------
    InputError
        If a file cannot be read and must not be skipped, does not contain the tree, or is a copy of another.
    """
    files = [
        File(name, file, tree, dataset.replicas.get(file, ()))
        for name, dataset in fileset.items()
        for file, tree in dataset.files.items()
    ]
    reader = executor.copy(desc="Reading headers", unit="file", function_name="get_metadata", compression=None)
    found, _ = reader(files, partial(_read, data_format), None)
    headers = [Header(file, *found["found"][file]) for file in files if file in found.get("found", {})]
    _refuse_copies(headers)
    return headers, found.get("failed", {})


def _read(data_format: str, file: File) -> dict[str, Any]:
    """Number of entries and identifier of one file, read on a worker."""
    if data_format == "parquet":
        with ParquetFileContext(file.filename) as parquet:
            entries = int(parquet.num_entries)  # opens the file
            content = (_footer(file.filename), *_parquet_content(parquet))
            return {"found": {file: (entries, _identifier((file.replicas or (file.filename,))[0]), *content)}}
    with uproot.open({file.filename: None}, timeout=timeout_seconds()) as root:
        refuse_truncated(file.filename, root.file.source.num_bytes, root.file.fEND)
        trees = root.keys(cycle=False, filter_classname=_TREES)
        if file.treename not in trees:
            has = ", ".join(dict.fromkeys(trees)) or "no tree at all"
            raise InputError(
                f"{file.filename} has no tree {file.treename!r}: it has {has}; set --treename and --schema"
            )
        tree = root[file.treename]
        zipped = tree.member("fZipBytes", none_if_missing=True) if hasattr(tree, "member") else None
        size = root.file.source.num_bytes
        content = ((size, root.file.fEND, int(zipped or 0)), *_content(tree, size))
        return {"found": {file: (int(tree.num_entries), root.file.fUUID, *content)}}


def _content(tree: Any, file_size: int) -> tuple[int, int]:
    """Number of branches of a TTree or RNTuple, and their bytes without compression."""
    if hasattr(tree, "uncompressed_bytes"):
        return len(tree.keys(recursive=True)), int(tree.uncompressed_bytes)
    return len(tree.field_records), _COMPRESSION * file_size


def _parquet_content(parquet: Any) -> tuple[int, int]:
    """Number of columns of a parquet file, and their bytes without compression."""
    metadata = parquet.filehandle.metadata
    return metadata.num_columns, sum(
        metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)
    )


def _identifier(path: str) -> bytes:
    """Identifier of a file without a UUID: two files are the same only if their path is."""
    return uuid.uuid5(uuid.NAMESPACE_URL, identity(path)).bytes


def _footer(path: str) -> tuple[int | str, ...]:
    """Size and hash of the end of a parquet file, which describes all of its columns."""
    with fsspec.open(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _FOOTER, 0))
        return size, hashlib.sha256(file.read()).hexdigest()


def _refuse_copies(headers: Sequence[Header]) -> None:
    """Refuse copies, which have the same UUID. Parts of one file, split by steps, have the same path."""
    seen: dict[tuple[bytes, str, int], File] = {}
    for header in headers:
        file = header.file
        before = seen.setdefault((header.identifier, file.treename, header.entries), file)
        if before is file or not header.entries or not any(header.identifier):
            continue
        if identity(before.filename) != identity(file.filename):
            raise InputError(
                f"{file.filename} (dataset {file.dataset!r}) is a copy of {before.filename} ({before.dataset!r}), with "
                "the same UUID: its events would be counted twice; leave one out"
            )


def _split(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    """Split into parts of about equal size, like coffea."""
    if stop <= start:
        return []
    step = math.ceil((stop - start) / max(round((stop - start) / size), 1))
    return [(at, min(at + step, stop)) for at in range(start, stop, step)]
