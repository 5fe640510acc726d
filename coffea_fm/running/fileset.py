"""Filesets: the files of each dataset and their metadata, checked before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coffea_fm.errors import RecipeError
from coffea_fm.files import identity
from coffea_fm.names import nearest
from coffea_fm.running.locations import DataFile, expand, find_replicas

Steps = tuple[tuple[int, int], ...]

_RESERVED = {
    *("dataset", "filename", "treename", "entrystart", "entrystop", "fileuuid", "numentries", "uuid", "clusters"),
    *("metadata", "preload", "replicas"),
}
_KEYS = ("files", "treename", "object_path", "metadata", "preload", "form", "compressed_form", "format", "did")
_LONGEST_PATH, _LONGEST_NAME = 4000, 250
_PARQUET = (".parquet", ".parq")


@dataclass(frozen=True)
class Dataset:
    """The files of one dataset.

    Parameters
    ----------
    files : dict of str to str
        Name of the tree (or RNTuple) in each file, by absolute path or URL of the file.
    metadata : dict
        Available to the processor as ``events.metadata``, along with the name of the dataset.
    steps : dict of str to tuple
        Ranges of entries to process, by file; files without steps are processed completely.
    unread : tuple of str
        What the fileset says besides, and nothing reads, in sentences.
    preload : frozenset of str, optional
        Branches that coffea reads in one go before the first is asked for.
    replicas : dict of str to tuple of str
        All places of a file that is at several, by its first: they are tried in this order.
    """

    files: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Steps] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    preload: frozenset[str] | None = None
    replicas: dict[str, tuple[str, ...]] = field(default_factory=dict)


Fileset = dict[str, Dataset]


def parse_fileset(content: object, *, folder: Path, treename: str, where: str) -> Fileset:
    """Parse the content of the JSON file of a fileset.

    Parameters
    ----------
    content : object
        Maps the name of each dataset to a list of files, or to a mapping with ``files``, ``treename`` and ``metadata``.
        ``files`` is a list, or maps each file to the name of its tree or to a mapping with ``object_path`` and
        ``steps``. This is the format of coffea's Runner and of `coffea.dataset_tools.preprocess`. A file that is at
        several places is a list of them; in a mapping, ``replicas`` are the other places.
    folder : Path
        Folder of relative paths.
    treename : str
        Name of the tree if the fileset has none.
    where : str
        Name of the fileset in errors.

    Raises
    ------
    RecipeError
        If it is not a fileset, or lists a file twice.
    """
    if not isinstance(content, Mapping) or not content:
        raise RecipeError(f"{where} is not a fileset: it must map the name of each dataset to a list of files")
    fileset = {
        str(name): _dataset(entry, folder, treename, f"{where}, dataset {name!r}") for name, entry in content.items()
    }
    check_fileset(fileset, where)
    return fileset


def check_fileset(fileset: Fileset, where: str) -> None:
    """Refuse dataset names that cannot be file names, and files listed twice, whose events would be counted twice.

    Raises
    ------
    RecipeError
        If a name is empty or not text, or a file is listed twice, including by a link or another spelling.
    """
    seen: dict[tuple[str, str], tuple[str, str, Steps | None]] = {}
    for name, dataset in fileset.items():
        if not name.strip() or not name.isprintable():
            raise RecipeError(f"{where} has a dataset named {name!r}: use printable characters")
        for file, tree in dataset.files.items():
            steps = dataset.steps.get(file)
            for place in dataset.replicas.get(file, (file,)):
                before = seen.setdefault((identity(place), tree), (name, file, steps))
                if before[:2] != (name, file) and _overlap(before[2], steps):
                    also = f"as {before[1]} of the dataset {before[0]!r} and as {file} of {name!r}"
                    raise RecipeError(f"{where} names a file twice, {also}: its events would be counted twice")


def file_format(fileset: Fileset) -> Literal["root", "parquet"]:
    """The common format of all files, from their names.

    Raises
    ------
    RecipeError
        If parquet and ROOT files are mixed.
    """
    parquet = {file.endswith(_PARQUET) for dataset in fileset.values() for file in dataset.files}
    if len(parquet) > 1:
        raise RecipeError("the fileset mixes parquet and ROOT files: run them separately")
    return "parquet" if parquet == {True} else "root"


def _dataset(entry: object, folder: Path, treename: str, where: str) -> Dataset:
    metadata: dict[str, Any] = {}
    unread: list[str] = []
    preload: frozenset[str] | None = None
    files: object = entry
    if isinstance(entry, Mapping):
        if "files" not in entry:
            raise RecipeError(f"{where} has no 'files': {nearest('files', map(str, entry), 'it has')}")
        files = entry["files"]
        treename = entry.get("treename") or entry.get("object_path") or treename
        given = entry.get("metadata") or {}
        if not isinstance(treename, str) or not isinstance(given, Mapping):
            raise RecipeError(f"{where}: 'treename' must be text, and 'metadata' a mapping")
        metadata = dict(given)
        preload = _preload(entry.get("preload"), where)
        for key in sorted(set(map(str, entry)) - set(_KEYS)):
            unread.append(
                f"{where}: {key!r} is not read ({nearest(key, _KEYS[:5], 'read are')}); put it into 'metadata'"
            )
        if taken := metadata.keys() & _RESERVED:
            raise RecipeError(f"{where} has the metadata {min(taken)!r}, which coffea itself sets: rename it")
    if isinstance(files, str) or not isinstance(files, Mapping | Sequence) or not files:
        raise RecipeError(f"{where} must be a list of files, or map each file to the name of its tree")
    found: dict[str, str] = {}
    steps: dict[str, Steps] = {}
    replicas: dict[str, tuple[str, ...]] = {}
    for given in files:
        file, *others = given if isinstance(given, list | tuple) and given else [given]
        if not isinstance(file, str | os.PathLike):
            raise RecipeError(f"{where} names a file that is not a string: {file!r}")
        _check_path(os.fspath(file), where)
        about = files[file] if isinstance(files, Mapping) else None
        if isinstance(about, Mapping):
            others = about.get("replicas") or []
        if others:
            places = find_replicas([os.fspath(file), *others], folder, where)
            replicas[places[0]] = places
        for data in expand([os.fspath(file)], folder, where):
            if data.path in found:
                raise RecipeError(f"{where} names {data.path} twice: its events would be counted twice")
            found[data.path] = _tree(about, data, treename)
            if isinstance(about, Mapping) and about.get("steps") is not None:
                steps[data.path] = _steps(about["steps"], f"{where}, file {file}")
    return Dataset(found, metadata, steps, tuple(unread), preload, replicas)


def _check_path(path: str, where: str) -> None:
    """Refuse what no file can be named, before the file system is asked."""
    parts = path.split("/")
    fits = path.isprintable() and len(path) <= _LONGEST_PATH and max(map(len, parts)) <= _LONGEST_NAME
    if not fits or (parts[0].startswith("~") and os.path.expanduser(parts[0]) == parts[0]):  # noqa: PTH111 - Path raises
        raise RecipeError(f"{where} names {path[:80]!r}, which cannot be the path of a file")


def _preload(given: object, where: str) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise RecipeError(f"{where} has a 'preload' that is not a list of names of branches")
    return frozenset(given)


def _tree(given: object, data: DataFile, default: str) -> str:
    if isinstance(given, Mapping):
        given = given.get("object_path") or given.get("treename")
    return given if isinstance(given, str) and given else data.treename or default


def _steps(given: object, where: str) -> Steps:
    """Ranges of entries, in order. Adjacent ranges are not merged, to keep the chunks of coffea's `preprocess`."""
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
