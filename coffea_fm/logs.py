"""What coffea-fm says of its doings: the logger ``coffea_fm``, on standard error for who asks for it."""

from __future__ import annotations

import logging
import sys

LOGGER = logging.getLogger("coffea_fm")


class _Handler(logging.Handler):
    """Writes to what standard error is at that time: progress bars and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(self.format(record) + "\n")


def show_logs(level: int = logging.INFO) -> None:
    """Show messages of at least this level on standard error, in this process; once, however often it is called."""
    if not any(isinstance(handler, _Handler) for handler in LOGGER.handlers):
        handler = _Handler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(level)
