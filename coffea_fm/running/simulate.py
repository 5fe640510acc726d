"""The functions behind ``coffea-fm simulate jets`` and ``simulate hh4b``: here, or as tasks of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coffea_fm.running.options import ClusterSettings, RunOptions

if TYPE_CHECKING:
    from coffea_fm.simulation.production import Layout, Spectrum


def jets(
    output: str | os.PathLike[str],
    *,
    jets_per_class: int = 10_000,
    jets_per_file: int = 5_000,
    pt: tuple[float, float] = (500.0, 1000.0),
    spectrum: Spectrum = "falling",
    classes: Sequence[str] | None = None,
    pythia: Sequence[str] = (),
    resimulate: Sequence[str] = (),
    detector: Mapping[str, float] | None = None,
    seed: int = 0,
    workers: int | None = None,
    layout: Layout = "nano",
    cluster: str = "",
    cluster_config: ClusterSettings = None,
) -> list[Path]:
    """Simulate jets of the ten JetClass classes: Pythia 8, FastJet and a fast detector simulation.

    Parameters
    ----------
    output : path-like
        Output folder; existing files are kept.
    jets_per_class, jets_per_file : int
        Jets per class, rounded up to whole files, and per file.
    pt : tuple of float
        Range of the jets' transverse momentum, GeV.
    spectrum : {"falling", "flat"}
        Physical spectrum, or a flat one with event weights.
    classes : sequence of str, optional
        All by default.
    pythia : sequence of str
        Extra Pythia settings, such as ``"Tune:pp = 21"``.
    resimulate : sequence of str
        Simulate each hard process again: with another ``seed``, more or less final-state radiation (``fsr-up``,
        ``fsr-down``), another ``tune``. All jets get the columns ``pair``, the same for all simulations of a jet, and
        ``variation``, 0 for the nominal simulation.
    detector : mapping of str to float, optional
        Factors on the nominal detector: ``track_efficiency``, and the resolutions ``track_momentum``, ``track_impact``
        (impact parameters and their errors) and ``calorimeter``.
    seed : int
        Random seed; the files do not depend on the number of workers.
    workers : int, optional
        Number of processes, by default one per core; or of the jobs of a cluster.
    layout : {"nano", "jetclass"}
        NanoAOD with candidates (PFNano's names), or JetClass.
    cluster, cluster_config
        As for `coffea_fm.run`: a task of the cluster makes one file. The output folder is one that the workers share.

    Returns
    -------
    list of Path
        The new files.
    """
    from coffea_fm.classes import JET_CLASSES
    from coffea_fm.simulation.detector_settings import DetectorSettings
    from coffea_fm.simulation.production import SimulationSettings, produce

    changed = DetectorSettings.of(detector or {})
    settings = SimulationSettings(pt, seed, jets_per_file, layout, spectrum, tuple(pythia), tuple(resimulate), changed)
    names = tuple(JET_CLASSES if classes is None else classes)
    with _places(cluster, cluster_config, workers) as places:
        return produce(Path(output).absolute(), settings, names, jets_per_class, places)


def hh4b(
    output: str | os.PathLike[str],
    *,
    events_per_process: int = 10_000,
    events_per_file: int = 2_000,
    processes: Sequence[str] | None = None,
    spectrum: Spectrum = "flat",
    pythia: Sequence[str] = (),
    seed: int = 0,
    workers: int | None = None,
    cluster: str = "",
    cluster_config: ClusterSettings = None,
) -> list[Path]:
    """Simulate X -> HH -> 4b events and backgrounds, with jets of R = 0.8 and R = 0.4 and their constituents.

    Parameters
    ----------
    output : path-like
        Output folder; existing files are kept.
    events_per_process, events_per_file : int
        Selected events per process, rounded up to whole files, and per file.
    processes : sequence of str, optional
        All by default.
    spectrum, pythia, seed, workers, cluster, cluster_config
        As for `jets`; the spectrum is that of the backgrounds.

    Returns
    -------
    list of Path
        The new files.
    """
    from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES
    from coffea_fm.simulation.hh4b.production import EventSettings, produce_events

    settings = EventSettings(seed, events_per_file, spectrum, tuple(pythia))
    names = tuple(EVENT_PROCESSES if processes is None else processes)
    with _places(cluster, cluster_config, workers) as places:
        return produce_events(Path(output).absolute(), settings, names, events_per_process, places)


@contextmanager
def _places(cluster: str, cluster_config: ClusterSettings, workers: int | None) -> Iterator[int | Executor]:
    """Where files are made: a number of processes on this machine, or a cluster."""
    options = RunOptions(cluster=cluster, cluster_config=cluster_config, workers=workers)
    if not cluster:
        yield workers or len(os.sched_getaffinity(0))
        return
    with options.client() as client:
        yield client.get_executor()
