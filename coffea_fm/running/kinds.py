"""Identify files that are not data, by their first bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from coffea_fm.running.locations import DATA
from coffea_fm.untrusted.json_text import MOST_BYTES

_GZIP = b"\x1f\x8b"
_DATA = (b"root", b"PAR1")
_OTHERS = {
    _GZIP: "is gzip-compressed: unpack it first",
    b"PK\x03\x04": "is a zip archive: unpack it first",
    b"\x89HDF": "is an HDF5 file: convert it to ROOT or parquet first",
}
_LARGEST_TEXT = MOST_BYTES


def text_of(path: Path) -> str | None:
    """The text of a file, gzip-compressed or not; None if it is something else, or empty.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not start or start.startswith(_DATA) or path.stat().st_size > _LARGEST_TEXT:
        return None
    try:
        content = path.read_bytes()
        if not start.startswith(_GZIP):
            return content.decode()
        with gzip.open(path) as unpacked:
            content = unpacked.read(_LARGEST_TEXT + 1)
        if content.startswith(_DATA) or len(content) > _LARGEST_TEXT:
            return None
        return content.decode()
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error):
        return None


def lines_of_files(text: str) -> list[str]:
    """The files listed in a text, if it has one per line."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return lines if all(DATA.search(line) or "/" in line or ".root:" in line for line in lines) else []


def starts_otherwise(path: Path) -> bool:
    """Whether a local file can be read and does not begin as ROOT and parquet files do."""
    try:
        with path.open("rb") as file:
            return not file.read(4).startswith(_DATA)
    except OSError:
        return False


def other_kind(path: Path) -> str | None:
    """Say what a local file is if it is not ROOT or parquet, and what to do; None if it may be damaged data."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        text = text_of(path)
    except OSError:
        return None
    for signature, what in _OTHERS.items():
        if start.startswith(signature):
            return what
    if text is not None and text.lstrip().startswith(("{", "[")):
        return "is JSON, not a ROOT file: pass a fileset directly, not as a file of another fileset"
    if text is not None and lines_of_files(text):
        return "is a list of files, not a ROOT file: pass the list directly, not as a file of a fileset"
    if text is not None and not DATA.search(path.name):
        return "is text, not a ROOT file: give ROOT or parquet files, a list of them, or a fileset as JSON"
    return None
