"""Allow only one training at a time in the folder of a run."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffea_fm.errors import RecipeError

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other trainings; the lock is released when the process ends, even if it crashes.

    Raises
    ------
    RecipeError
        If another training is running there; the message gives its process and machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RecipeError(
                f"another training is running in {folder} ({file.read().strip() or 'unknown process'}): wait for it to "
                "finish, or give this recipe another name"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
