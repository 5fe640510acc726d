"""Jobs in several processes with one thread each."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

import torch

Key = TypeVar("Key")


def finished(jobs: dict[Key, tuple[Callable[..., Any], Any]], workers: int) -> Iterator[tuple[Key, Any]]:
    """Do jobs, each a function and its arguments; yields keys and results as they end.

    A job that fails is printed. The others go on, and the error is raised after them.
    """
    failed: BaseException | None = None
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        keys = {pool.submit(function, *arguments): key for key, (function, *arguments) in jobs.items()}
        for job in as_completed(keys):
            error = job.exception()
            if error is None:
                print(keys[job], "done", flush=True)
                yield keys[job], job.result()
            else:
                traceback.print_exception(error)
                print(keys[job], "failed", flush=True)
                failed = failed or error
    if failed is not None:
        raise failed
