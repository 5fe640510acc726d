"""How often, and after which waits, something is tried again that failed because of a server or the network."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")

ATTEMPTS: Final = 5
FIRST_WAIT: Final = 1.0
"""Mean of the first wait in seconds; each further one is twice as long."""
_log = logging.getLogger(__name__)


def wait(attempt: int) -> None:
    """Wait after a failed attempt: 1, 2, 4 and 8 seconds, each by chance up to 50% longer or shorter.

    The chance spreads the workers of a cluster, which a failing server would otherwise see all at once.

    Parameters
    ----------
    attempt : int
        Number of the attempt that failed, from 0.
    """
    time.sleep(FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.5))


def tried(function: Callable[[], Result], temporary: Callable[[Exception], bool]) -> Result:
    """Call a function until it succeeds, at most `ATTEMPTS` times.

    Parameters
    ----------
    function : callable
    temporary : callable
        Whether an error may go away. Any other error is raised at once, as is that of the last attempt.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return function()
        except Exception as error:
            if not temporary(error):
                raise
            _log.info("attempt %d of %d failed (%s: %s)", attempt + 1, ATTEMPTS, type(error).__name__, error)
        wait(attempt)
    return function()
