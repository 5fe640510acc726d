"""The jets and events of the study: simulated, collected by the processors, and the labelled ones with their weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from study import PROJECT, Study

from coffea_fm.analysis.fileset import simulated_fileset
from coffea_fm.analysis.fileset_settings import read_fileset_settings
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.shards.metadata import read_metadata
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES, SIGNALS
from coffea_fm.simulation.hh4b.production import EventSettings, produce_events
from coffea_fm.simulation.production import SimulationSettings, produce

TAGGER = PROJECT / "exports" / "jet-classifier-small"
"""Orders the two jets, and gives the events of the study nothing else."""
PAIR = ("QCD", "Hbb")
MULTIJET = ("QCD", "QCDbb")
TOP = "TT"
FILESET = read_fileset_settings(PROJECT / "processors" / "hh4b" / "fileset.yaml")


def prepare(study: Study, workers: int) -> None:
    """Make what is not there yet."""
    for name, sample in study.jets["samples"].items():
        prepare_jets(study, name, sample, workers)
    for name, sample in study.events["samples"].items():
        simulate_events(study, name, sample, workers)
        collect_events(study, name, datasets(study, name), workers)


def prepare_jets(study: Study, name: str, sample: dict[str, int], workers: int) -> None:
    """Simulate jets of ten classes, and collect them all, those of QCD and H -> bb, and few of these."""
    raw, shards = (study.work / folder / "jets" for folder in ("raw", "shards"))
    settings = SimulationSettings(tuple(study.jets["pt"]), sample["seed"], sample["per_file"], spectrum="flat")
    for kind, jets in ((kind, sample.get(kind, sample["others"])) for kind in JET_CLASSES):
        if jets:
            produce(raw / name, settings, (kind,), jets, workers)
    pair = [sorted((raw / name).glob(f"{kind}_*.root")) for kind in PAIR]
    collect(shards / name, sorted((raw / name).glob("*.root")), workers)
    two_classes = ("-O", f"classes=[{', '.join(PAIR)}]")
    collect(shards / f"{name}-hbb", [path for paths in pair for path in paths], workers, *two_classes)
    if name == "train":
        few = [path for paths in pair for path in paths[: study.jets["few"]]]
        collect(shards / f"{name}-few", few, workers, *two_classes)


def simulate_events(study: Study, name: str, sample: dict[str, Any], workers: int) -> None:
    """Simulate signal of all masses, multijet and top pairs."""
    about, further = study.events, tuple(sample.get("pythia", ()))
    signals_and_top = {**dict.fromkeys(SIGNALS, sample["signals"]), TOP: sample[TOP]}
    multijet = {process: sample[process] for process in MULTIJET}
    for folder, processes, pythia in zip(
        raw_folders(study, name), (signals_and_top, multijet), (further, (*about["multijet"], *further)), strict=True
    ):
        settings = EventSettings(sample["seed"], about["per_file"], pythia=pythia)
        for process, events in processes.items():
            if not events:
                continue
            produce_events(folder, settings, (process,), events, workers)


def raw_folders(study: Study, name: str) -> tuple[Path, Path]:
    """Where the signals and top pairs, and the multijet events of a sample are: these have other settings of Pythia."""
    return study.work / "raw" / name, study.work / "raw" / f"{name}-multijet"


def datasets(study: Study, *samples: str) -> dict[str, Any]:
    """Datasets of samples of events; several are taken as one."""
    cross_section, found = study.events["signal_cross_section"], {}
    for folder in (folder for name in samples for folder in raw_folders(study, name)):
        for name, dataset in simulated_fileset(folder, FILESET, signal_cross_section=cross_section).items():
            found[name] = joined(found[name], dataset) if name in found else dataset
    return found


def joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A dataset with the files of both."""
    sums = {key: first["metadata"][key] + second["metadata"][key] for key in ("sum_of_weights", "events")}
    return {"files": first["files"] | second["files"], "metadata": first["metadata"] | sums}


def collected_of(study: Study, name: str) -> Path:
    """Folder that the processor writes to."""
    return study.work / "collected" / name


def collect_events(study: Study, name: str, content: dict[str, Any], workers: int) -> None:
    """Write the events that the analysis preselects, by its processor; those to train on with softer weights."""
    options = {"jets": str(TAGGER), **study.processor}
    fileset = study.work / "raw" / f"{name}.json"
    fileset.write_text(json.dumps(content, indent=1))
    collect(collected_of(study, name), [fileset], workers, "--processor", "hh4b", *as_arguments(options))
    if not events_of(study, name).exists():
        store_events(study, name, study.weight_power if name == "train" else 1.0)


def as_arguments(options: dict[str, Any]) -> list[str]:
    """Options of a processor for the command line."""
    return [part for key, value in options.items() for part in ("--option", f"{key}={json.dumps(value)}")]


def collect(folder: Path, files: list[Path], workers: int, *options: str) -> None:
    """Write shards, unless they are there."""
    if not (folder / "summary.json").exists():
        command = [sys.executable, "-m", "coffea_fm.cli", "collect", *map(str, files), "--output", str(folder)]
        subprocess.run([*command, "--workers", str(workers), *options], check=True)


def events_of(study: Study, name: str) -> Path:
    """Folder of the events to train on (``train``) or to judge with (``test``)."""
    return study.work / "shards" / "events" / name


def store_events(study: Study, name: str, weight_power: float) -> None:
    """Write the collected events as one shard, with their process and with the weights that they are used with."""
    collected = ShardDataset(collected_of(study, name))
    if name == "train" and collected.n_sets < max(study.labels):
        raise InputError(
            f"{collected.n_sets} events of the sample train are selected, and the study needs {max(study.labels)}: raise "
            "the numbers in study.yaml under events.samples.train"
        )
    packed, columns = collected.read(collected.row_groups)
    processes = [list(EVENT_PROCESSES).index(dataset_of(group.path)) for group in collected.row_groups]
    columns["process"] = np.repeat(processes, [group.n_sets for group in collected.row_groups])
    columns["weight"] = columns["weight"] ** weight_power
    source = Source(dataset=name, file="study", start=0, stop=len(packed))
    write_shard(
        events_of(study, name) / source.shard_name,
        packed,
        collected.level,
        columns=columns,
        classes=collected.classes,
        source=source,
    )


def dataset_of(path: Path) -> str:
    """Name of the data set that a shard was made from."""
    return read_metadata(path, pq.read_metadata(path)).source.dataset
