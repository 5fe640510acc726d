"""Connect to a dask cluster for a run, or start worker processes on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coffea_fm.errors import InputError

TIMEOUT = 20.0


@contextmanager
def dask_client(address: str, workers: int = 2) -> Iterator[Any]:
    """A client of the scheduler at `address`, or of a local cluster started for this run if `address` is ``"local"``.

    Parameters
    ----------
    address : str
        ``"local"``, or the address of a scheduler such as ``tcp://host:8786``.
    workers : int
        Worker processes of the local cluster, one thread each.

    Raises
    ------
    InputError
        If no scheduler answers.
    """
    import distributed

    client_class: Any = distributed.Client
    local_cluster: Any = distributed.LocalCluster

    if address == "local":
        with (
            local_cluster(
                n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
            ) as cluster,
            client_class(cluster) as client,
        ):
            yield client
        return
    try:
        client = client_class(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}: {error}") from error
    with client:
        yield client
