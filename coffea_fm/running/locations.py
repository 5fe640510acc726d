"""Find files: patterns, folders, lists of files, and ``file.root:tree``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from coffea_fm.errors import RecipeError
from coffea_fm.files import local_path

DATA = re.compile(r"\.(root|parquet|parq)(\.\d+)?$")
"""Suffix of a data file; grid jobs append numbers."""
_WITH_TREE = re.compile(r"^(?P<path>.+\.root(?:\.\d+)?):(?P<tree>[^:]+)$")


@dataclass(frozen=True)
class DataFile:
    """A file, and optionally the tree in it.

    Parameters
    ----------
    path : str
        Absolute path or URL.
    treename : str
        Empty if not given.
    """

    path: str
    treename: str = ""


def expand(names: Iterable[str], folder: Path, where: str) -> list[DataFile]:
    """Expand names to files, in order.

    Parameters
    ----------
    names : iterable of str
        Paths, URLs, patterns with ``*``, ``?`` or ``[...]``, folders of ROOT or parquet files; ``file.root:tree``.
    folder : Path
        Folder of relative paths.
    where : str
        Source of the names, for errors.

    Raises
    ------
    RecipeError
        If nothing matches a pattern, or a folder has no data files.
    """
    found: list[DataFile] = []
    for name in names:
        local = local_path(name)
        match = _WITH_TREE.match(name) if local is None or not (folder / local).exists() else None
        path, tree = (match["path"], match["tree"]) if match else (name, "")
        local = local_path(path)
        if local is None:
            found.append(DataFile(path, tree))
            continue
        absolute = Path(os.path.expanduser(folder / Path(local).expanduser())).absolute()  # noqa: PTH111
        if has_magic(path) and not absolute.exists():
            matches = sorted(glob(str(absolute)))  # noqa: PTH207 - absolute patterns
            if not matches:
                raise RecipeError(f"{where}: no file matches {absolute}")
            found += [DataFile(matched, tree) for matched in matches]
        elif absolute.is_dir():
            found += [DataFile(str(file), tree) for file in files_in(absolute, where)]
        else:
            found.append(DataFile(str(absolute), tree))
    return found


def find_replicas(names: Iterable[object], folder: Path, where: str) -> tuple[str, ...]:
    """All places of one file.

    Raises
    ------
    RecipeError
        If one of them is not text, or stands for several files.
    """
    places: list[str] = []
    for name in names:
        found = expand([name], folder, where) if isinstance(name, str) else []
        if len(found) != 1:
            raise RecipeError(f"{where} has a replica {name!r} that is not the path or URL of one file")
        places.append(found[0].path)
    return tuple(places)


def files_in(folder: Path, where: str) -> list[Path]:
    """Find ROOT files in a folder and its subfolders, or parquet files if there are no ROOT files; skips hidden files.

    Raises
    ------
    RecipeError
        If there are none.
    """
    found = sorted(path for path in folder.rglob("*") if DATA.search(path.name) and path.is_file())
    files = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    root = [path for path in files if ".root" in path.suffixes]
    if not files:
        raise RecipeError(
            f"{where}: the folder {folder} has no ROOT or parquet files: give the files, or another folder"
        )
    return root or files
