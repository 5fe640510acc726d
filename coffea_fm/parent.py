"""Worker processes that end with their parent process."""

from __future__ import annotations

import os
import threading
import time

_SECONDS = 1.0


def end_with_parent(parent: int) -> None:
    """In a worker, end this process when its parent is gone, even if killed with SIGKILL.

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
