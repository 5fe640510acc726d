"""Write filesets: from folders, patterns, lists and the files themselves, with the branches that a tagger reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coffea_fm.errors import RecipeError
from coffea_fm.files import local_path
from coffea_fm.inference import load
from coffea_fm.running.fileset import Dataset, Fileset, check_fileset, file_format
from coffea_fm.running.grid import grid_files, is_logical
from coffea_fm.running.kinds import text_of
from coffea_fm.running.opening import open_events
from coffea_fm.running.sources import read_fileset

_NAMED = re.compile(r"^(?P<name>[\w.\-]+)=(?P<source>.+)$")
_SCOPED = re.compile(r"^[\w.\-]+:(?!//)")
"""A name as Rucio has it, ``scope:name``."""


def list_files(sources: Sequence[str], *, treename: str = "Events", redirector: str = "") -> Fileset:
    """A fileset of what is given.

    Parameters
    ----------
    sources : sequence of str
        Folders, patterns, ROOT or parquet files, JSON filesets, and lists with one file per line, as DAS and Rucio print
        them; ``NAME=SOURCE`` puts all files of a source into the dataset of that name.
    treename : str
        The tree, where nothing else gives it.
    redirector : str
        Put before logical names of the grid, e.g. ``root://cms-xrd-global.cern.ch/``.

    Raises
    ------
    RecipeError
        If a source holds no files, a logical name has no redirector, or a file is named twice.
    """
    if redirector and "://" not in redirector:
        raise RecipeError(f"the redirector {redirector!r} is no URL: give e.g. root://{redirector.strip('/')}/")
    fileset: Fileset = {}
    plain: list[str] = []
    for given in sources:
        match = None if Path(given).exists() else _NAMED.match(given)
        name, source = (match["name"], match["source"]) if match else ("", given)
        files = _in_list(source, redirector)
        if files:
            found = {Path(source).stem: Dataset(dict.fromkeys(files, treename))}
            _check_unique(files, source)
        elif name:
            found = read_fileset([source], treename)
        else:
            plain.append(source)
            continue
        _add(fileset, found, name)
    if plain:
        _add(fileset, read_fileset(plain, treename), "")
    _refuse_logical(fileset)
    check_fileset(fileset, "the command line")
    return fileset


def with_preload(fileset: Fileset, bundle: str, collection: str, schema: str = "") -> dict[str, frozenset[str]]:
    """The branches that tagging a collection reads, by dataset: those of its first file.

    Raises
    ------
    RecipeError
        If a file does not have the collection, or is parquet, which coffea preloads nothing of.
    """
    if file_format(fileset) == "parquet":
        raise RecipeError("coffea preloads no branches of parquet files: leave out --preload")
    tagger = load(bundle)
    branches = {}
    for name, dataset in fileset.items():
        file, tree = next(iter(dataset.files.items()))
        events, _ = open_events(file, schema, tree, stop=1)
        if collection not in events.fields:
            raise RecipeError(f"{file} has no collection {collection!r}: give --collection")
        branches[name] = tagger.columns(events[collection])
    return branches


def as_json(fileset: Fileset, preload: dict[str, frozenset[str]] | None = None) -> dict[str, Any]:
    """A fileset as coffea's Runner takes it and `read_fileset` reads it."""
    content: dict[str, Any] = {}
    for name, dataset in fileset.items():
        content[name] = {
            "files": {
                file: {"object_path": tree, "steps": [list(step) for step in dataset.steps[file]]}
                if file in dataset.steps
                else tree
                for file, tree in dataset.files.items()
            },
            "metadata": dataset.metadata,
        }
        if preload:
            content[name]["preload"] = sorted(preload[name])
    return content


def _in_list(source: str, redirector: str) -> list[str]:
    """Files of a list from the grid; none if the source is anything else, such as a list of files of this machine."""
    local = local_path(source)
    path = Path(local or "")
    if local is None or not path.is_file():
        return []
    text = text_of(path)
    if text is None or text.lstrip().startswith("{"):
        return []
    files = grid_files(text, redirector)
    table = any(line.lstrip().startswith(("|", "[")) for line in text.splitlines())
    return files if table or any("://" in file or is_logical(file) for file in files) else []


def _add(fileset: Fileset, found: Fileset, name: str) -> None:
    for own, dataset in found.items():
        known = fileset.get(name or own)
        if known is None:
            fileset[name or own] = dataset
        elif not name:
            raise RecipeError(f"the dataset {own!r} is given twice: name one of them, NAME=SOURCE")
        else:
            if twice := known.files.keys() & dataset.files.keys():
                raise RecipeError(f"the dataset {name!r} is given {min(twice)} twice: its events would count double")
            fileset[name] = Dataset(
                known.files | dataset.files, known.metadata | dataset.metadata, known.steps | dataset.steps
            )


def _check_unique(files: Sequence[str], source: str) -> None:
    for index, file in enumerate(files):
        if file in files[:index]:
            raise RecipeError(f"{source} names {file} twice: its events would count double")


def _refuse_logical(fileset: Fileset) -> None:
    for dataset in fileset.values():
        for file in dataset.files:
            if (is_logical(file) and not Path(file).exists()) or _SCOPED.match(file):
                raise RecipeError(
                    f"{file} is a name of the grid, and no file of this machine: give --redirector, e.g. "
                    "root://cms-xrd-global.cern.ch/"
                )
