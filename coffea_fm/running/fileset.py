"""Filesets: which files make up which dataset, read from JSON or from file names, and checked before anything runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any, Literal

from coffea_fm.errors import RecipeError

_RESERVED = {"dataset", "filename", "treename", "entrystart", "entrystop", "fileuuid", "numentries", "uuid", "clusters"}
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
    """

    files: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)


Fileset = dict[str, Dataset]


def as_fileset(
    given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, Any], treename: str
) -> Fileset:
    """A fileset from whatever stands for one: the fileset, its JSON file, or the data files."""
    if isinstance(given, Mapping):
        return parse_fileset(given, folder=Path(), treename=treename, where="the fileset")
    files = [given] if isinstance(given, str | os.PathLike) else given
    return read_fileset([os.fspath(file) for file in files], treename)


def read_fileset(sources: Sequence[str], treename: str = "Events") -> Fileset:
    """A fileset from its JSON file, or from ROOT or parquet files, one dataset for each.

    The JSON maps the name of each dataset to a list of files, or to a mapping with ``files`` (a list, or the tree's
    name by file), ``treename`` and ``metadata``, as coffea's Runner and ``dataset_tools`` take it. Relative paths
    count from the folder of the JSON file; patterns with ``*`` are expanded.

    Parameters
    ----------
    sources : sequence of str
        One JSON file, or the data files themselves.
    treename : str
        Name of the tree where the fileset does not give it.

    Raises
    ------
    RecipeError
        If there is no such JSON file, or it is not a fileset, or it names a file twice.
    """
    if len(sources) == 1 and sources[0].endswith(".json"):
        path = Path(sources[0])
        try:
            content = json.loads(path.read_text())
        except OSError as error:
            raise RecipeError(f"cannot read the fileset {path}: {error.strerror}") from error
        except json.JSONDecodeError as error:
            raise RecipeError(f"the fileset {path} is not valid JSON: {error}") from error
        return parse_fileset(content, folder=path.parent, treename=treename, where=str(path))
    content = {}
    for source in _expand(sources, Path(), "the command line"):
        content.setdefault(_stem(source), []).append(source)
    return parse_fileset(content, folder=Path(), treename=treename, where="the command line")


def parse_fileset(content: object, *, folder: Path, treename: str, where: str) -> Fileset:
    """A fileset from the content of its JSON file; `folder` is where relative paths start."""
    if not isinstance(content, Mapping) or not content:
        raise RecipeError(f"{where} is not a fileset: it must map the name of each dataset to a list of files")
    return {name: _dataset(entry, folder, treename, f"{where}, dataset {name!r}") for name, entry in content.items()}


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
    files: object = entry
    if isinstance(entry, Mapping):
        if "files" not in entry:
            raise RecipeError(f"{where} has no 'files'")
        files = entry["files"]
        treename = entry.get("treename") or treename
        metadata = dict(entry.get("metadata") or {})
        if taken := metadata.keys() & _RESERVED:
            raise RecipeError(f"{where} has the metadata {min(taken)!r}, which coffea itself sets: rename it")
    if isinstance(files, str) or not isinstance(files, Mapping | list) or not files:
        raise RecipeError(f"{where} must give a list of files, or the name of the tree by file")
    trees = {file: _tree(tree, treename) for file, tree in files.items()} if isinstance(files, Mapping) else {}
    found: dict[str, str] = {}
    for file in files:
        if not isinstance(file, str):
            raise RecipeError(f"{where} names a file that is not a string: {file!r}")
        for path in _expand([file], folder, where):
            if path in found:
                raise RecipeError(f"{where} names {path} twice: its events would count double")
            found[path] = trees.get(file, treename)
    return Dataset(found, metadata)


def _tree(given: object, default: str) -> str:
    if isinstance(given, Mapping):
        given = given.get("object_path")
    return given if isinstance(given, str) and given else default


def _expand(files: Iterable[str], folder: Path, where: str) -> list[str]:
    paths: list[str] = []
    for file in files:
        if "://" in file:
            paths.append(file)
            continue
        absolute = str((folder / file).absolute())
        matches = sorted(glob(absolute)) if "*" in file else [absolute]  # noqa: PTH207 - absolute patterns
        if not matches:
            raise RecipeError(f"{where}: no file matches {absolute}")
        paths.extend(matches)
    return paths


def _stem(file: str) -> str:
    return file.rstrip("/").rpartition("/")[2].partition(".")[0]
