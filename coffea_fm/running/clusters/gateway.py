"""dask-gateway, which analysis facilities run: ``--cluster gateway``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.names import nearest
from coffea_fm.running.clusters.base import StartedCluster
from coffea_fm.running.clusters.batch import need

_KEPT: list[Any] = []
"""dask-gateway closes what is collected, and prints a traceback if it is closed already: kept to the end of the process."""


class Gateway(StartedCluster):
    """Configuration of a dask-gateway.

    Parameters
    ----------
    wait : float
        Seconds until the first worker must be there.
    address : str, optional
        Address of the gateway; by default what dask's configuration says, as it does on an analysis facility.
    auth : str, optional
        ``"basic"``, ``"kerberos"`` or ``"jupyterhub"``; by default what dask's configuration says.
    workers : int
        Number of workers, if the call does not say.
    options : mapping
        Options that the gateway offers, such as ``worker_memory``.
    """

    wait: float = Field(default=600, gt=0)
    address: str | None = None
    auth: str | None = None
    workers: int = Field(default=1, ge=1)
    options: dict[str, Any] = {}

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Start a cluster of the gateway; it is shut down afterwards."""
        need("dask_gateway", "gateway")
        import dask.config
        import dask_gateway

        address = self.address or dask.config.get("gateway.address", None)
        if address is None:
            raise RecipeError(
                "--cluster gateway: no address is known; write 'address: https://...' to a --cluster-config"
            )
        gateway = dask_gateway.Gateway(address, auth=self.auth)
        _KEPT.append(gateway)
        with gateway, self._new_cluster(gateway) as cluster, cluster.get_client() as client:
            _KEPT.append(cluster)
            if self.adaptive:
                cluster.adapt(**self.adaptive.model_dump())
            else:
                cluster.scale(self.workers)
            self._first_worker(client, cluster)
            yield client

    def _new_cluster(self, gateway: Any) -> Any:
        try:
            offered = gateway.cluster_options()
            for name in self.options:
                if name not in offered:
                    raise RecipeError(f"options.{name}: this gateway has no such option; {nearest(name, offered)}")
            return gateway.new_cluster(shutdown_on_close=True, **self.options)
        except (OSError, TimeoutError) as error:
            raise InputError(f"no dask-gateway answers at {gateway.address}: {error}") from error

    def _first_worker(self, client: Any, cluster: Any) -> None:
        try:
            client.wait_for_workers(1, timeout=self.wait)
        except TimeoutError as error:
            raise InputError(
                f"no worker after {self.wait:g} seconds: the gateway gave none to the cluster {cluster.name}; "
                "'wait' of the --cluster-config allows longer"
            ) from error
