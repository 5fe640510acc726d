"""Ctrl-C and SIGTERM stop a run after the current step, so that it can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """Yield an event that is set by the first interrupt; the second one has its usual effect.

    Outside the main thread the event is never set, because Python only delivers signals to the main thread.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(_number: int, _frame: FrameType | None) -> None:
        event.set()
        restore()

    for number in previous:
        signal.signal(number, handle)
    try:
        yield event
    finally:
        restore()
