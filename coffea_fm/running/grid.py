"""Lists of logical file names from the grid, as DAS and Rucio print them: text only, nothing is asked of the network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_NAME = re.compile(r"^(?:(?P<scope>[\w.\-]+):)?(?P<path>(?!//)\S+\.(?:root|parquet|parq)(?:\.\d+)?)$")
_URL = re.compile(r"[a-z]+://\S+\.(?:root|parquet|parq)(?:\.\d+)?\S*")
_LFN = "/store/"


def grid_files(text: str, redirector: str = "") -> list[str]:
    """Files that a list from the grid names, in order.

    Parameters
    ----------
    text : str
        Of ``dasgoclient`` (a name a line, or JSON), or of ``rucio list-files`` or ``list-file-replicas`` (tables, CSV or
        a name a line). Of several replicas of a file the first is taken.
    redirector : str
        Put before logical names, e.g. ``root://cms-xrd-global.cern.ch/``; URLs of replicas are taken if it is empty.

    Returns
    -------
    list of str
        URLs, or logical names where there is neither; empty if the text is no such list.
    """
    found = [name for cells in _rows(text) if (name := _file(cells, prefer_url=not redirector))]
    return [_located(name, redirector) for name in found]


def is_logical(path: str) -> bool:
    """Whether a path is a name of the grid, which no file of this machine has."""
    return path.startswith(_LFN)


def _rows(text: str) -> Iterator[list[str]]:
    """Cells of each line that may name a file; further replicas of one, which Rucio prints below it, are left out."""
    if text.lstrip().startswith("["):
        yield from ([name] for name in _names_in_json(text))
        return
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", "+--")):
            continue
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0]:
                yield _joined(cells)
        else:
            yield [cell.strip().strip('"') for cell in line.split(",")]


def _joined(cells: list[str]) -> list[str]:
    """Rucio's tables of replicas have scope and name in cells of their own."""
    scoped = len(cells) > 1 and re.fullmatch(r"[\w.\-]+", cells[0]) and "." not in cells[0][-5:]
    return [f"{cells[0]}:{cells[1]}", *cells[2:]] if scoped else cells


def _file(cells: list[str], *, prefer_url: bool) -> str:
    urls = [match[0] for cell in cells if (match := _URL.search(cell))]
    names = [cell for cell in cells if "://" not in cell and _NAME.match(cell)]
    return next(iter([*urls, *names] if prefer_url else [*names, *urls]), "")


def _located(name: str, redirector: str) -> str:
    if "://" in name:
        return name
    match = _NAME.match(name)
    if match and match["scope"] and match["path"].startswith("/"):
        name = match["path"]  # the scope of CMS is no part of its names
    if not redirector:
        return name
    server = redirector.rstrip("/")
    below = "/" if "/" in server.partition("://")[2] else "//"  # a path of XRootD begins with a slash of its own
    return f"{server}{below}{name.lstrip('/')}"


def _names_in_json(text: str) -> Iterator[str]:
    """Names in ``dasgoclient -json``: records with a list of files each."""
    try:
        records: Any = json.loads(text)
    except json.JSONDecodeError:
        return
    for record in records:
        files = record.get("file", ()) if isinstance(record, dict) else ()
        for file in files:
            if isinstance(file, dict) and isinstance(file.get("name"), str):
                yield file["name"]
                break
