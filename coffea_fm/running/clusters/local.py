"""Worker processes on this machine, started for one run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from coffea_fm.running.clusters.base import StartedCluster


class Local(StartedCluster):
    """``--cluster local``.

    Parameters
    ----------
    workers : int
        Number of processes, if the call does not say.
    threads : int
        Threads of each process.
    memory : str or float
        Limit of each process, such as ``"2 GB"``; by default its share of this machine.
    """

    workers: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    memory: str | float = "auto"

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Start the processes."""
        import distributed

        local_cluster: Any = distributed.LocalCluster
        client_class: Any = distributed.Client
        with (
            local_cluster(
                n_workers=self.workers,
                threads_per_worker=self.threads,
                memory_limit=self.memory,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            client_class(cluster) as client,
        ):
            if self.adaptive:
                cluster.adapt(**self.adaptive.model_dump())
            yield client
