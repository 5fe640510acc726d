"""Worker processes that are forks of a server which has imported everything: they start in a moment, also after a death."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import dask
from loky import ProcessPoolExecutor

MODULES = [
    "distributed.nanny",
    "distributed.worker",
    "coffea_fm.evaluation.tagging",
    "coffea_fm.running.commands",
    "coffea_fm.running.dask_tasks",
    "coffea_fm.running.process_pool",
    "coffea_fm.inference.tagger",
    "coffea_fm.schemas",
    "coffea_fm.shards",
    "coffea.nanoevents",
    "onnxruntime",
]


def nothing(*_: object) -> None:
    """In place of `end_with_parent`: the parent of these processes is the server."""


@contextmanager
def warm_workers() -> Iterator[None]:
    """Dask's nannies and pools of processes start such workers meanwhile."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    with (
        patch("distributed.utils._forkserver_preload_set", True),  # else dask would choose the modules
        patch("coffea_fm.running.process_pool.end_with_parent", nothing),
        patch("coffea_fm.running.process_pool.ProcessPoolExecutor", partial(ProcessPoolExecutor, context=context)),
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
    ):
        yield
