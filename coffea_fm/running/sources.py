"""What may stand for a fileset: itself, its JSON file, a list of files, a folder, or the data files themselves."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from coffea_fm.errors import RecipeError
from coffea_fm.running.fileset import Dataset, Fileset, check_fileset, parse_fileset
from coffea_fm.running.locations import DATA, DataFile, expand, files_in, local_path

PathLike = str | os.PathLike[str]

_GZIP = b"\x1f\x8b"
_SIGNATURES = {
    b"root": "",
    b"PAR1": "",
    _GZIP: "is gzip-compressed: unpack it first",
    b"PK": "is a zip archive: unpack it first",
    b"\x89HDF": "is an HDF5 file: convert it to ROOT or parquet first",
}


def as_fileset(given: PathLike | Sequence[PathLike] | Mapping[str, Any], treename: str = "Events") -> Fileset:
    """A fileset from whatever stands for one: the fileset, its JSON file, or the data files."""
    if isinstance(given, Mapping):
        return parse_fileset(given, folder=Path(), treename=treename, where="the fileset")
    files = [given] if isinstance(given, str | os.PathLike) else given
    return read_fileset([os.fspath(file) for file in files], treename)


def read_fileset(sources: Sequence[str], treename: str = "Events") -> Fileset:
    """A fileset from JSON files, lists, folders, or data files.

    A JSON file (which may be gzip-compressed) holds a fileset, see `parse_fileset`. A text file with a file a line and
    a folder are a dataset each, named after it; so is each ROOT or parquet file. Relative paths in JSON and lists count
    from the folder of the file that names them.

    Parameters
    ----------
    sources : sequence of str
        Paths, URLs and patterns.
    treename : str
        Name of the tree where nothing else gives it.

    Raises
    ------
    RecipeError
        If a source is none of these, or two of them give the same dataset or file.
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
            raise RecipeError(f"the dataset {min(taken)!r} is given twice: by {source}, and before it")
        fileset |= parsed
    for name, file in zip(_names([file.path for file in single]), single, strict=True):
        if name in fileset:
            raise RecipeError(f"the dataset {name!r} is given twice: rename {file.path}, or give a fileset as JSON")
        fileset[name] = Dataset({file.path: file.treename or treename})
    check_fileset(fileset, "the command line")
    return fileset


def _content(path: Path, source: str) -> Any:
    """What a file says of other files: a fileset, or a tuple of files; None if it holds data itself, or is not there."""
    if not path.is_file():
        if source.endswith((".json", ".json.gz", ".txt")):
            raise RecipeError(f"cannot read the fileset {source}: No such file or directory")
        return None
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if refuse_other_kind(path, start, may_be_json=True):
            return None
        text = (gzip.decompress(path.read_bytes()) if start[:2] == _GZIP else path.read_bytes()).decode()
    except OSError as error:
        raise RecipeError(f"cannot read the fileset {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        if start[:2] != _GZIP:
            return None  # no ROOT file, which its header will say
        raise RecipeError(f"{path} is gzip-compressed, and no fileset: unpack it first") from error
    if text.lstrip()[:1] in ("{", "[") or ".json" in path.suffixes:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"the fileset {path} is not valid JSON: {error}") from error
    return tuple(lines_of_files(text)) or None


def refuse_other_kind(path: Path, start: bytes, *, may_be_json: bool = False) -> bool:
    """Whether the first bytes are those of a ROOT or parquet file.

    Raises
    ------
    RecipeError
        If they are those of another kind of file: says what to do with it.
    """
    for signature, reason in _SIGNATURES.items():
        if start.startswith(signature):
            if reason and not (may_be_json and signature == _GZIP):
                raise RecipeError(f"{path} {reason}")
            return not reason
    return False


def lines_of_files(text: str) -> list[str]:
    """The files of a text with one a line, if that is what it is."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return lines if all(DATA.search(line.partition(":")[0]) or "/" in line for line in lines) else []


def _names(files: Sequence[str]) -> list[str]:
    """A dataset's name for each file: its own, with as many of the folders above as tell them apart."""
    parts = [[*PurePosixPath(file).parts[:-1], _stem(file)] for file in files]
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
    name = file.rstrip("/").rpartition("/")[2]
    return DATA.sub("", name) or name
