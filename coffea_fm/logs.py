"""Logging of coffea-fm: the logger ``coffea_fm``, shown on standard error on request."""

from __future__ import annotations

import logging
import sys

LOGGER = logging.getLogger("coffea_fm")


class _Handler(logging.Handler):
    """Writes to the current standard error, because progress bars and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(self.format(record) + "\n")


def show_logs(level: int = logging.INFO) -> None:
    """Show messages of at least this level on standard error in this process. Repeated calls have no further effect."""
    if not any(isinstance(handler, _Handler) for handler in LOGGER.handlers):
        handler = _Handler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        LOGGER.addHandler(handler)
    LOGGER.setLevel(level)
