"""Worker processes that report progress, stop on request, and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from ctypes import c_bool
from typing import Any

from coffea_fm.errors import InputError
from coffea_fm.parent import end_with_parent

_messages: Any = None
_stopped: Any = None


class Stopped(Exception):
    """The user stopped the production."""


def report(number: int) -> None:
    """In a worker, report the number of new jets or events, and stop on request. Does nothing elsewhere."""
    if _messages is not None:
        _messages.put(number)
        if _stopped.value:
            raise Stopped


def run(jobs: Sequence[Callable[[], object]], workers: int, advance: Callable[[int], object]) -> None:
    """Call functions in processes on this machine.

    Parameters
    ----------
    jobs : sequence of callable
        Functions without arguments. Each writes its result to a file, completely or not at all, and regularly calls `report`.
    workers : int
        Number of processes.
    advance : callable
        Called with every reported number.

    Raises
    ------
    InputError
        If a process was killed.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, after all processes have ended.
    """
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    # without a lock, which a killed worker would never release
    messages, stopped = context.Queue(), context.RawValue(c_bool, False)
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _start, (messages, stopped, os.getpid()))
    with _termination_as_interrupt(), pool:
        running = {pool.submit(job) for job in jobs}
        try:
            while running:
                with suppress(queue.Empty):
                    advance(messages.get(timeout=0.5))
                for future in {future for future in running if future.done()}:
                    future.result()
                    running.remove(future)
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed, most likely out of memory: the files written so far are complete and "
                "kept; run the same command again with fewer --workers to write the others"
            ) from error
        except BaseException:
            stopped.value = True
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def run_on(executor: Executor, jobs: Sequence[Callable[[], object]], done: Callable[[], object]) -> None:
    """Call functions on a cluster.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Such as ``client.get_executor()`` of dask.
    jobs : sequence of callable
        As for `run`.
    done : callable
        Called when a function has ended.
    """
    running = [executor.submit(job) for job in jobs]
    try:
        for future in as_completed(running):
            future.result()
            done()
    finally:
        for future in running:
            future.cancel()


def _start(messages: Any, stopped: Any, parent: int) -> None:
    global _messages, _stopped
    _messages, _stopped = messages, stopped
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Make SIGTERM act like Ctrl-C. Has no effect outside the main thread, where Python cannot set handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
