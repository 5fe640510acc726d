"""The kinds of clusters, and how one is found by its word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from coffea_fm.config import config_error, read_yaml
from coffea_fm.errors import RecipeError
from coffea_fm.names import nearest
from coffea_fm.running.clusters.address import Address
from coffea_fm.running.clusters.base import PROFILE_CYCLE, ClusterConfig
from coffea_fm.running.clusters.gateway import Gateway
from coffea_fm.running.clusters.htcondor import HTCondor
from coffea_fm.running.clusters.local import Local
from coffea_fm.running.clusters.slurm import Slurm
from coffea_fm.running.options import ClusterSettings

KINDS: dict[str, type[ClusterConfig]] = {
    "local": Local,
    "address": Address,
    "slurm": Slurm,
    "htcondor": HTCondor,
    "gateway": Gateway,
}


def find_cluster(cluster: str, settings: ClusterSettings = None) -> ClusterConfig:
    """The cluster that a word and its settings mean. Nothing is started.

    Parameters
    ----------
    cluster : str
        A key of `KINDS`, or the address of a dask scheduler, such as ``tcp://HOST:8786``.
    settings : path-like or mapping, optional
        YAML file of the settings, or the settings.

    Raises
    ------
    RecipeError
        If the word or a key of the settings is unknown, or a value is out of range.
    """
    kind = KINDS.get("address" if "://" in cluster else cluster)
    if kind is None:
        raise RecipeError(
            f"unknown cluster {cluster!r}: {nearest(cluster, KINDS)} Or give the address of a dask scheduler, such as "
            "tcp://HOST:8786"
        )
    where = "--cluster-config" if isinstance(settings, Mapping) else f"--cluster-config {settings}"
    content = {} if settings is None else settings
    if not isinstance(content, Mapping):
        content = read_yaml(content, "--cluster-config") or {}  # a file of comments only is read as nothing
    if not isinstance(content, Mapping):
        raise RecipeError(f"{where}: keys and values are expected, such as 'memory: 2 GB'")
    given = {"address": cluster} if "://" in cluster else {}
    if given and content.get("address", cluster) != cluster:
        raise RecipeError(f"{where}: its address is {content['address']}, and --cluster is {cluster}: leave one out")
    try:
        return kind.model_validate({**content, **given})
    except ValidationError as error:
        told = config_error(error, kind)
        raise RecipeError(f"{where}: {told}" if settings is not None else f"--cluster {cluster}: {told}") from error


@contextmanager
def dask_client(cluster: str, settings: ClusterSettings = None, workers: int | None = None) -> Iterator[Any]:
    """A dask client of a cluster, which is started if it is not running.

    Parameters
    ----------
    cluster, settings
        See `find_cluster`.
    workers : int, optional
        Number of workers or jobs of a cluster that is started, in place of `adaptive`; by default what the settings say.
        A running scheduler keeps the workers that it has.

    Raises
    ------
    RecipeError
        As `find_cluster`.
    InputError
        If there is no scheduler, or no worker in time. The message says why.
    """
    import dask
    import distributed  # noqa: F401 - first: its defaults are loaded at import, and `set` restores what was there before

    found = find_cluster(cluster, settings)
    found = found if workers is None else found.of(workers)
    with dask.config.set({"distributed.worker.profile.cycle": PROFILE_CYCLE}), found.client() as client:
        yield client
