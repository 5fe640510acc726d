"""One training at a time in the folder of a run."""

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
    """Keep other trainings out of a folder during the block; the lock ends with the process, however that ends.

    Raises
    ------
    RecipeError
        If another training is at work there: names its process and machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RecipeError(
                f"another training is at work in {folder} ({file.read().strip() or 'unknown process'}): wait for it to "
                "end, or give this recipe another name"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
