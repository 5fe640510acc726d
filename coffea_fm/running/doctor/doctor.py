"""Examine one worker of a cluster before a run: what ``coffea-fm doctor`` does."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from coffea_fm.inference import load
from coffea_fm.running.clusters.table import dask_client
from coffea_fm.running.doctor import examination
from coffea_fm.running.doctor.comparison import compare, memories, python
from coffea_fm.running.doctor.diagnosis import Diagnosis
from coffea_fm.running.memory import need_of
from coffea_fm.running.models import models_of
from coffea_fm.running.options import ClusterSettings
from coffea_fm.running.sources import as_fileset
from coffea_fm.running.workers import each_dask_worker

_TRIES = 5


def doctor(
    bundle: str | os.PathLike[str] | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    *,
    cluster: str = "local",
    cluster_config: ClusterSettings = None,
    treename: str = "Events",
) -> Diagnosis:
    """Run a bundle and open files on one worker of a cluster, and compare with this machine.

    Parameters
    ----------
    bundle : path-like, optional
        A bundle, as for `coffea_fm.load`.
    files : sequence of path-like
        Files or filesets that a run will read; each is opened.
    cluster, cluster_config
        As for `coffea_fm.run`.
    treename : str
        Name of the tree if the fileset has none.

    Returns
    -------
    Diagnosis
        Versions, bundle and scores, threads, memory, clock, temporary folder, files. It prints as a table.

    Raises
    ------
    RecipeError
        If the cluster or its settings are unknown, or the files are none.
    BundleError
        If the bundle cannot be read here.
    InputError
        If there is no worker.
    """
    tagger = None if bundle is None else load(bundle)
    source = "" if tagger is None else tagger.source
    trees: dict[str, str] = {}
    for dataset in (as_fileset([os.fspath(file) for file in files], treename) if files else {}).values():
        trees |= dataset.files
    with dask_client(cluster, cluster_config, 1) as client, _by_value():
        worker, version = _worker(client)
        findings = [python(platform.python_version(), version)]
        if findings[0].verdict == "bad":  # another Python could not even read the questions
            return Diagnosis(cluster, worker, findings)
        skew, uncertainty = _clock(client, worker)
        there = client.submit(examination.examine, source, trees, workers=[worker], pure=False).result()
        workers = each_dask_worker(client)
    here = examination.examine(source, trees)
    need = need_of(models_of(tagger), 0.0, 1)
    findings = [*compare(here, there, skew, uncertainty), *memories(need, workers, worker, there["memory"])]
    return Diagnosis(cluster, there["host"], findings)


def _worker(client: Any) -> tuple[str, str]:
    """Address of one worker, and its version of Python."""
    versions: dict[str, Any] = client.get_versions()["workers"]
    worker, found = next(iter(versions.items()))
    return worker, found["host"]["python"].split(".final")[0]


def _clock(client: Any, worker: str) -> tuple[float, float]:
    """Seconds by which the clock of a worker is ahead, and how well that is known: the shortest of several questions."""
    asked = []
    for _ in range(_TRIES):
        before = time.time()
        theirs = client.submit(time.time, workers=[worker], pure=False).result()
        after = time.time()
        asked.append((after - before, theirs - (before + after) / 2))
    taken, skew = min(asked)
    return skew, taken / 2


@contextmanager
def _by_value() -> Iterator[None]:
    """Send the questions themselves, for a worker that has no coffea-fm or another one."""
    cloudpickle.register_pickle_by_value(examination)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(examination)
