"""Complete files only: write under a temporary name, then rename."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffea_fm.errors import InputError


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to it on success and removed on failure.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is made if need be.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {target.parent}: {error.strerror}; choose another output folder") from error
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"cannot write to {target.parent}: permission denied; choose another output folder")
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def prepare_folder(folder: str | os.PathLike[str]) -> None:
    """Make sure that files can be written to a folder, before hours are spent on their content.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    with atomic(Path(folder) / ".writable") as probe:
        probe.touch()
    (Path(folder) / ".writable").unlink()
