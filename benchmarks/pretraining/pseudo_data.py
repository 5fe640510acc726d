"""The jets that play the data in the study of systematics, and re-simulated pairs of jets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from data import OTHER_DETECTOR, OTHER_TUNE, Sample, collect, make
from numpy.typing import NDArray
from quantised import STORED
from subsets import write_jets

from coffea_fm.classes import JET_CLASSES
from coffea_fm.shards import ShardDataset
from coffea_fm.simulation.production import SimulationSettings, produce

PSEUDO_DATA = SimulationSettings(seed=12, jets_per_file=500, pythia=OTHER_TUNE, detector=OTHER_DETECTOR)
PSEUDO_DATA_TEST = replace(PSEUDO_DATA, seed=13)
PAIRS = {"train": 14, "validation": 15}
"""Seeds."""


def fractions(dirichlet: float, seed: int) -> NDArray[np.float64]:
    """Fractions of the classes in the data."""
    return np.random.default_rng(seed).dirichlet(np.full(len(JET_CLASSES), dirichlet))


def make_data(work: Path, jets: dict[str, int], shares: NDArray[np.float64], workers: int) -> None:
    """Shards ``data-NAME`` of so many jets for each name, with these fractions of classes.

    The classes are written as they are, to be read by nobody but the tests.
    """
    if all((work / "shards" / f"data-{name}").exists() for name in jets):
        return
    raw, total = work / "raw" / "data", sum(jets.values())
    counts = np.ceil(total * shares).astype(int)
    for label, name in enumerate(JET_CLASSES):
        produce(raw, PSEUDO_DATA, (name,), int(counts[label]), workers)
    collect(work / "shards" / "data-all", sorted(raw.glob("*.root")), "PFNanoAODSchema")
    data = ShardDataset(work / "shards" / "data-all")
    packed, columns = data.read(data.row_groups)
    of_class = [np.flatnonzero(columns["target"] == label)[: counts[label]] for label in range(len(JET_CLASSES))]
    rows = np.random.default_rng(PSEUDO_DATA.seed).permutation(np.concatenate(of_class))
    for name, part in zip(jets, np.split(rows[:total], np.cumsum(list(jets.values()))[:-1]), strict=True):
        folder = work / "shards" / f"data-{name}"
        write_jets(folder, data, packed.take(part), {column: columns[column][part] for column in STORED})


def make_test(work: Path, jets_per_class: int, workers: int) -> None:
    """Shards ``data-test``: jets of the data with equal classes, whose truth judges."""
    settings = replace(PSEUDO_DATA_TEST, jets_per_file=min(1000, jets_per_class))
    make(work, "data-test", Sample(jets_per_class, settings), workers)


def make_pairs(work: Path, pairs: dict[str, Any], workers: int) -> None:
    """Shards ``pairs-train`` and ``pairs-validation`` of nominal jets and their re-simulations side by side."""
    for part, seed in PAIRS.items():
        number = pairs[part]
        raw = work / "raw" / f"pairs-{part}"
        settings = SimulationSettings(seed=seed, jets_per_file=number, resimulate=tuple(pairs["resimulate"]))
        produce(raw, settings, JET_CLASSES, number, workers)
        files = sorted(raw.glob("*.root"))
        collect(work / "shards" / f"pairs-{part}", files, "PFNanoAODSchema", "--processor", "collect_resimulations")
