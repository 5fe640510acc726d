"""The jets of the study: simulated, collected as shards, and nested sets of labelled ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quantised import STORED, quantise

from coffea_fm.classes import JET_CLASSES
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.simulation.detector_settings import DetectorSettings
from coffea_fm.simulation.production import SimulationSettings, produce

SHARED = Path(__file__).parents[3] / "shared" / "data" / "jets"
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Sample:
    """Simulated jets: how many of each class, and with what settings."""

    jets_per_class: int
    settings: SimulationSettings


DECAYING = (15, 411, 421, 431, 4122, 4132, 4232, 4332, 511, 521, 531, 541, 5122, 5132, 5232, 5332)
NO_LIFETIMES = tuple(f"{particle}:tau0 = 0" for particle in DECAYING)
OTHER_TUNE = ("Tune:pp = 21",)
OTHER_DETECTOR = DetectorSettings(track_efficiency=0.95, track_momentum=1.5, track_impact=1.3, calorimeter=1.3)
SAMPLES = {
    "train": Sample(12_000, SimulationSettings(seed=1, jets_per_file=2000)),
    "validation": Sample(400, SimulationSettings(seed=2, jets_per_file=400)),
    "test": Sample(2_000, SimulationSettings(seed=3, jets_per_file=1000)),
    "test-again": Sample(1_000, SimulationSettings(seed=4, jets_per_file=1000)),
    "above-1-tev": Sample(1_000, SimulationSettings((1000.0, 1500.0), seed=6, jets_per_file=1000)),
    "other-tune": Sample(1_000, SimulationSettings(seed=7, jets_per_file=1000, pythia=OTHER_TUNE)),
    "other-detector": Sample(1_000, SimulationSettings(seed=11, jets_per_file=1000, detector=OTHER_DETECTOR)),
}
"""Other jets than these were never seen by a network of the study; `SHARED` was made by other code altogether."""
NO_LIFETIME_SAMPLES = {
    "train-no-lifetimes": Sample(3_000, SimulationSettings(seed=8, jets_per_file=1000, pythia=NO_LIFETIMES)),
    "validation-no-lifetimes": Sample(200, SimulationSettings(seed=9, jets_per_file=200, pythia=NO_LIFETIMES)),
    "test-no-lifetimes": Sample(1_000, SimulationSettings(seed=10, jets_per_file=1000, pythia=NO_LIFETIMES)),
}


def prepare(work: Path, workers: int) -> None:
    """Make what every row needs and is not there yet."""
    for name, sample in SAMPLES.items():
        make(work, name, sample, workers)
    for name in ("train", "validation"):
        files = sorted((work / "raw" / name).glob("*.root"))
        collect(work / "shards" / f"{name}-fine", files, "PFNanoAODSchema", "-O", "label=fineLabel")
    prepare_other_simulation(work / "shards" / "other-simulation")


def prepare_ladder(work: Path, workers: int) -> None:
    """Make what only the rungs of the ladder need: jets without lifetimes, and quantised ones."""
    for name, sample in NO_LIFETIME_SAMPLES.items():
        make(work, name, sample, workers)
    for part in ("train", "validation", "test"):
        if not (work / "shards" / f"{part}-quantised").exists():
            quantise(work / "shards" / part, work / "shards" / f"{part}-quantised", work / "shards" / "train")


def make(work: Path, name: str, sample: Sample, workers: int) -> None:
    """Simulate and collect a sample."""
    raw = work / "raw" / name
    produce(raw, sample.settings, JET_CLASSES, sample.jets_per_class, workers)
    collect(work / "shards" / name, sorted(raw.glob("*.root")), "PFNanoAODSchema")


def prepare_other_simulation(folder: Path) -> None:
    """Collect the jets of another simulation, or say that the tables will not have them."""
    files = sorted(SHARED.glob("*.root"))
    if files:
        collect(folder, files, "JetClassSchema", "--treename", "tree", "-O", "collection=Jet")
    elif not folder.exists():
        print(f"no jets of another simulation in {SHARED}: the tables have no column for them", flush=True)


def collect(folder: Path, files: list[Path], schema: str, *options: str) -> None:
    """Write shards, unless they are there."""
    if not folder.exists():
        command = [sys.executable, "-m", "coffea_fm.cli", "collect", *map(str, files), "--output", str(folder)]
        subprocess.run([*command, "--schema", schema, *options], check=True)


def labelled(work: Path, n_labels: int, seed: int, jets: str = "") -> Path:
    """Folder with ``train`` and ``validation``: so many labelled jets, a fifth of them to validate with.

    The jets of more labels hold those of fewer, for the same seed.
    """
    folder = work / "labels" / f"{n_labels}-{seed}{jets}"
    if not (folder / "validation").exists():
        data = ShardDataset(work / "shards" / f"train{jets}")
        packed, columns = data.read(data.row_groups)
        order = np.random.default_rng([seed, 17]).permutation(len(packed))[:n_labels]
        n_train = round(n_labels * (1 - VALIDATION_SHARE))
        for name, chosen in (("train", order[:n_train]), ("validation", order[n_train:])):
            numbers = {column: columns[column][chosen] for column in STORED}
            source = Source(dataset=name, file=f"{n_labels}-{seed}", start=0, stop=len(chosen))
            path = folder / name / source.shard_name
            write_shard(path, packed.take(chosen), data.level, columns=numbers, classes=data.classes, source=source)
    return folder
