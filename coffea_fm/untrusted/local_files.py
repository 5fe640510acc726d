"""Read local files: regular ones only, of bounded size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from coffea_fm.untrusted.refused import Refused


def check_file(path: Path, most_bytes: int) -> int:
    """Refuse what is not a regular file (a pipe would wait forever), or is too large.

    Returns
    -------
    int
        Its size.

    Raises
    ------
    Refused
        If it is not one, or too large.
    OSError
        If it does not exist, or cannot be seen.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise Refused("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise Refused("it is not a regular file")
    if status.st_size > most_bytes:
        raise Refused(f"it is larger than {_readable(most_bytes)}")
    return status.st_size


def read_file(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Read a regular file of bounded size; see `check_file`."""
    where = Path(path)
    size = check_file(where, most_bytes)
    with where.open("rb") as file:
        return file.read(size)  # no more, should it grow: a larger number would be allocated at once


def check_inside(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of a folder.

    Raises
    ------
    Refused
        If the file that is meant is outside the folder.
    """
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise Refused(f"it is a link to {real}, outside its folder: put the file itself there")


def _readable(number: int) -> str:
    return f"{number >> 20} MiB" if number >= 2**20 else f"{number >> 10} KiB"
