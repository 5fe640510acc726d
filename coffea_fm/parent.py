"""Worker processes that do not outlive the process that started them, however it ended."""

from __future__ import annotations

import os
import threading
import time

_SECONDS = 1.0


def end_with_parent(parent: int) -> None:
    """In a worker: end this process as soon as its parent is gone, also by SIGKILL.

    Parameters
    ----------
    parent : int
        Process id of the parent, as the parent itself knows it.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
