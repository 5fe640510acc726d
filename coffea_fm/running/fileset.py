"""Filesets: which files make up which dataset, and what must be known of them before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coffea_fm.errors import RecipeError
from coffea_fm.files import identity
from coffea_fm.names import nearest
from coffea_fm.running.locations import DataFile, expand

Steps = tuple[tuple[int, int], ...]

_RESERVED = {
    *("dataset", "filename", "treename", "entrystart", "entrystop", "fileuuid", "numentries", "uuid", "clusters"),
    *("metadata", "preload"),
}
_KEYS = ("files", "treename", "object_path", "metadata", "form", "compressed_form", "format", "did")
_PARQUET = (".parquet", ".parq")


@dataclass(frozen=True)
class Dataset:
    """The files of one dataset.

    Parameters
    ----------
    files : dict of str to str
        Name of the tree (or RNTuple) in each file, by the file's absolute path or URL.
    metadata : dict
        What the processor finds in ``events.metadata``, next to the dataset's name.
    steps : dict of str to tuple
        Ranges of entries to process, by file; all of them for files that are not named.
    unread : tuple of str
        What the fileset says besides, and nothing reads, in sentences.
    """

    files: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Steps] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


Fileset = dict[str, Dataset]


def parse_fileset(content: object, *, folder: Path, treename: str, where: str) -> Fileset:
    """A fileset from the content of its JSON file.

    Parameters
    ----------
    content : object
        Maps the name of each dataset to a list of files, or to a mapping with ``files`` (a list, or by file the tree's
        name or a mapping with ``object_path`` and ``steps``), ``treename`` and ``metadata``: as coffea's Runner takes it
        and `coffea.dataset_tools.preprocess` gives it.
    folder : Path
        Where relative paths start.
    treename : str
        Name of the tree where the fileset does not give it.
    where : str
        What errors call it.

    Raises
    ------
    RecipeError
        If it is not a fileset, or a file is in it twice.
    """
    if not isinstance(content, Mapping) or not content:
        raise RecipeError(f"{where} is not a fileset: it must map the name of each dataset to a list of files")
    fileset = {
        str(name): _dataset(entry, folder, treename, f"{where}, dataset {name!r}") for name, entry in content.items()
    }
    check_fileset(fileset, where)
    return fileset


def check_fileset(fileset: Fileset, where: str) -> None:
    """Refuse names that cannot be written anywhere, and files whose events would count double.

    Raises
    ------
    RecipeError
        For names that are empty or not text, and for a file that is named twice: by a link or another spelling, too.
    """
    seen: dict[tuple[str, str], tuple[str, str, Steps | None]] = {}
    for name, dataset in fileset.items():
        if not name.strip() or not name.isprintable():
            raise RecipeError(f"{where} has a dataset named {name!r}: give it a name of printable letters")
        for file, tree in dataset.files.items():
            steps = dataset.steps.get(file)
            before = seen.setdefault((identity(file), tree), (name, file, steps))
            if before[:2] != (name, file) and _overlap(before[2], steps):
                also = f"as {before[1]} of the dataset {before[0]!r} and as {file} of {name!r}"
                raise RecipeError(f"{where} names a file twice, {also}: its events would count double")


def file_format(fileset: Fileset) -> Literal["root", "parquet"]:
    """The one format of all files, by their names.

    Raises
    ------
    RecipeError
        If parquet and ROOT files are mixed.
    """
    parquet = {file.endswith(_PARQUET) for dataset in fileset.values() for file in dataset.files}
    if len(parquet) > 1:
        raise RecipeError("the fileset mixes parquet and ROOT files: run them one after the other")
    return "parquet" if parquet == {True} else "root"


def _dataset(entry: object, folder: Path, treename: str, where: str) -> Dataset:
    metadata: dict[str, Any] = {}
    unread: list[str] = []
    files: object = entry
    if isinstance(entry, Mapping):
        if "files" not in entry:
            raise RecipeError(f"{where} has no 'files': {nearest('files', map(str, entry), 'it has')}")
        files = entry["files"]
        treename = entry.get("treename") or entry.get("object_path") or treename
        metadata = dict(entry.get("metadata") or {})
        for key in sorted(set(map(str, entry)) - set(_KEYS)):
            unread.append(
                f"{where}: {key!r} is not read ({nearest(key, _KEYS[:4], 'read are')}); put it into 'metadata'"
            )
        if taken := metadata.keys() & _RESERVED:
            raise RecipeError(f"{where} has the metadata {min(taken)!r}, which coffea itself sets: rename it")
    if isinstance(files, str) or not isinstance(files, Mapping | Sequence) or not files:
        raise RecipeError(f"{where} must give a list of files, or the name of the tree by file")
    found: dict[str, str] = {}
    steps: dict[str, Steps] = {}
    for file in files:
        if not isinstance(file, str | os.PathLike):
            raise RecipeError(f"{where} names a file that is not a string: {file!r}")
        about = files[file] if isinstance(files, Mapping) else None
        for data in expand([os.fspath(file)], folder, where):
            if data.path in found:
                raise RecipeError(f"{where} names {data.path} twice: its events would count double")
            found[data.path] = _tree(about, data, treename)
            if isinstance(about, Mapping) and about.get("steps") is not None:
                steps[data.path] = _steps(about["steps"], f"{where}, file {file}")
    return Dataset(found, metadata, steps, tuple(unread))


def _tree(given: object, data: DataFile, default: str) -> str:
    if isinstance(given, Mapping):
        given = given.get("object_path") or given.get("treename")
    return given if isinstance(given, str) and given else data.treename or default


def _steps(given: object, where: str) -> Steps:
    """Ranges of entries, in order; those that touch stay apart, as coffea's `preprocess` chose them."""
    try:
        steps = sorted((int(start), int(stop)) for start, stop in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where} has steps that are not pairs of entries: [[start, stop], ...]") from error
    ends = [0, *(stop for _, stop in steps)]
    if any(start < end or stop < start for (start, stop), end in zip(steps, ends, strict=False)):
        raise RecipeError(f"{where} has steps that overlap or run backwards: {steps}")
    return tuple(steps)


def _overlap(first: Steps | None, second: Steps | None) -> bool:
    if first is None or second is None:
        return True
    return any(start < end and begin < stop for start, stop in first for begin, end in second)
