"""A dask cluster that is already running, by the address of its scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.names import nearest
from coffea_fm.running.clusters.base import ClusterConfig

_PROTOCOLS = ("tcp", "tls", "ws", "wss", "ucx")


class Address(ClusterConfig):
    """``--cluster tcp://HOST:8786`` or ``tls://HOST:8786``.

    Parameters
    ----------
    wait : float
        Seconds until the scheduler must answer, and until the first worker must be there.
    address : str
        Address of the scheduler.
    ca_file, cert, key : path-like, optional
        Certificate of the authority, certificate and private key of the client, for ``tls://``.
    """

    wait: float = Field(default=60, gt=0)
    address: str
    ca_file: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        protocol, separator, host = self.address.partition("://")
        if not separator or not host:
            raise ValueError(f"{self.address!r} is no address such as tcp://HOST:8786")
        if protocol not in _PROTOCOLS:
            raise ValueError(f"unknown protocol {protocol!r} of {self.address!r}; {nearest(protocol, _PROTOCOLS)}")
        if protocol == "tls" and not (self.ca_file and self.cert and self.key):
            raise ValueError(f"{self.address} needs certificates: ca_file, cert and key in the --cluster-config")
        return self

    def check_workers(self, workers: int) -> None:
        """Refuse any number: the cluster is running."""
        raise RecipeError(
            f"--workers {workers} is for a cluster that is started, and the one at {self.address} is running with the "
            "workers that it has: leave it out"
        )

    def of(self, workers: int) -> Self:  # noqa: ARG002
        """The same: it has the workers that it has."""
        return self

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Connect to the scheduler."""
        import distributed

        client_class: Any = distributed.Client
        security_class: Any = distributed.Security
        security: Any = None
        if self.ca_file:
            files = {"tls_ca_file": self.ca_file, "tls_client_cert": self.cert, "tls_client_key": self.key}
            security = security_class(require_encryption=True, **{k: str(v) for k, v in files.items()})
        try:
            client = client_class(self.address, timeout=self.wait, security=security)
        except (OSError, ValueError) as error:
            raise InputError(f"no dask scheduler answers at {self.address}: {error}") from error
        with client:
            try:
                client.wait_for_workers(1, timeout=self.wait)
            except TimeoutError as error:
                raise InputError(
                    f"the dask scheduler at {self.address} has no workers, after {self.wait:g} seconds: start some with "
                    f"'dask worker {self.address}'"
                ) from error
            yield client
