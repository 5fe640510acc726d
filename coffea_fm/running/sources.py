"""Read a fileset from a mapping, a JSON file, a list of files, a folder, or data files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from coffea.dataset_tools import DataGroupSpec

from coffea_fm.errors import RecipeError
from coffea_fm.files import local_path
from coffea_fm.running.fileset import Dataset, Fileset, check_fileset, parse_fileset
from coffea_fm.running.kinds import lines_of_files, other_kind, text_of
from coffea_fm.running.locations import DATA, DataFile, expand, files_in
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.refused import Refused

PathLike = str | os.PathLike[str]


def as_fileset(given: PathLike | Sequence[PathLike] | Mapping[str, Any], treename: str = "Events") -> Fileset:
    """Convert to a fileset: from a mapping (or coffea's own type), a JSON file, or data files."""
    if isinstance(given, DataGroupSpec):
        given = given.model_dump()
    if isinstance(given, Mapping):
        return parse_fileset(given, folder=Path(), treename=treename, where="the fileset")
    files = [given] if isinstance(given, str | os.PathLike) else given
    return read_fileset([os.fspath(file) for file in files], treename)


def read_fileset(sources: Sequence[str], treename: str = "Events") -> Fileset:
    """Read a fileset from JSON files, lists, folders, or data files.

    A JSON file (possibly gzip-compressed) holds a fileset, see `parse_fileset`. A text file with one file per line, a
    folder, and a ROOT or parquet file are one dataset each, with the same name. Relative paths in JSON files and lists
    are relative to the folder of that file.

    Parameters
    ----------
    sources : sequence of str
        Paths, URLs and patterns.
    treename : str
        Name of the tree if nothing else sets it.

    Raises
    ------
    RecipeError
        If a source is none of these, or two of them have the same dataset or file.
    """
    if not sources:
        raise RecipeError("no files are given: give a fileset as JSON, a folder, or ROOT or parquet files")
    fileset: Fileset = {}
    single: list[DataFile] = []
    for source in sources:
        path = Path(local_path(source) or "")
        is_local = local_path(source) is not None
        content = _content(path, source) if is_local else None
        if is_local and path.is_dir():
            files = {str(file.absolute()): treename for file in files_in(path, "the command line")}
            parsed = {path.absolute().name or "files": Dataset(files)}
        elif isinstance(content, tuple):
            where = str(path)
            parsed = parse_fileset({_stem(source): content}, folder=path.parent, treename=treename, where=where)
        elif content is not None:
            parsed = parse_fileset(content, folder=path.parent, treename=treename, where=str(path))
        else:
            single += expand([source], Path(), "the command line")
            continue
        if taken := parsed.keys() & fileset.keys():
            raise RecipeError(f"the dataset {min(taken)!r} is given twice, the second time by {source}")
        fileset |= parsed
    for name, file in zip(_names([file.path for file in single]), single, strict=True):
        if name in fileset:
            raise RecipeError(f"the dataset {name!r} is given twice: rename {file.path}, or give a fileset as JSON")
        fileset[name] = Dataset({file.path: file.treename or treename})
    check_fileset(fileset, "the command line")
    return fileset


def _content(path: Path, source: str) -> Any:
    """The fileset or tuple of files listed in a file; None if it holds data, or does not exist."""
    if not path.is_file():
        if source.endswith((".json", ".json.gz", ".txt")):
            raise RecipeError(f"cannot read the fileset {source}: No such file or directory")
        return None
    try:
        text = text_of(path)
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from error
    if text is None:
        if other := other_kind(path):
            raise RecipeError(f"{path} {other}")
        return None
    if text.lstrip()[:1] in ("{", "[") or ".json" in path.suffixes:
        try:
            return parse_json(text)
        except Refused as error:
            raise RecipeError(f"cannot read the fileset {path}: {error}") from error
    return tuple(lines_of_files(text)) or None


def _names(files: Sequence[str]) -> list[str]:
    """Name of the dataset of each file: the file name, with as many parent folders as needed to be unique."""
    folders = [PurePosixPath(file).parts[:-1] for file in files]
    stems = Counter(zip(folders, map(_stem, files), strict=True))
    parts = [
        [*folder, _stem(file) if stems[folder, _stem(file)] == 1 else PurePosixPath(file).name]
        for folder, file in zip(folders, files, strict=True)
    ]
    names = [entry[-1] for entry in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        counted = Counter(names)
        if max(counted.values()) == 1:
            break
        names = [
            "/".join(entry[-depth:]) if counted[name] > 1 else name for name, entry in zip(names, parts, strict=True)
        ]
    return names


def _stem(file: str) -> str:
    name = file.rstrip("/").rpartition("/")[2].removesuffix(".txt").removesuffix(".list")
    return DATA.sub("", name) or name
