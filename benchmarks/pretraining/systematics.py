"""Does pretraining on data help where the simulation is wrong? Start it again to go on where it was.

Encoders are pretrained on "data" (another tune, another detector, unknown fractions of classes) or on simulation, fine-tuned
on labelled simulation, and tested on both, beside two cures: domain-adversarial training, and contrastive pretraining on
re-simulated pairs. Run with ``make benchmark-systematics``.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from adversarial import domain_accuracy, domains, train_adversarial
from data import SAMPLES, make
from encoders import is_reference, pretrained
from figures_of_merit import figures, shift, target_of
from fine_tuning import train_on_labels
from jobs import finished
from pseudo_data import fractions, make_data, make_pairs, make_test
from study import HERE, Study
from subsets import subset
from systematics_tables import write_systematics
from vectors import predict

from coffea_fm.classes import JET_CLASSES
from coffea_fm.nn.checkpoint import load_checkpoint

DATA_TEST = "data-test"


@dataclass(frozen=True)
class Systematics:
    """The content of ``systematics.yaml``."""

    backbone: dict[str, Any]
    seen: int
    training: dict[str, Any]
    labels: int
    seeds: int
    unlabelled: int
    validation: int
    test_jets: int
    data: dict[str, Any]
    pairs: dict[str, Any]
    ways: dict[str, dict[str, Any]]
    fine_tuning: dict[str, int]
    rows: dict[str, dict[str, Any]]

    @property
    def test(self) -> str:
        """Name of the jets of the simulation to test on."""
        return f"test-{self.test_jets}"

    def study(self, work: Path) -> Study:
        """An encoder of the study for each row and seed."""
        sources = {
            "simulation": (f"train-{self.unlabelled}", f"validation-{self.validation}"),
            "data": ("data-train", "data-validation"),
            "pairs": ("pairs-train", "pairs-validation"),
        }
        encoders: dict[str, dict[str, Any]] = {}
        for (row, asked), seed in product(self.rows.items(), range(self.seeds)):
            encoders[encoder_name(row, seed)] = {}
            if "recipe" in asked:
                train, validation = (str(work / "shards" / part) for part in sources[asked["jets"]])
                encoders[encoder_name(row, seed)] = {
                    "recipe": asked["recipe"],
                    "training": {"seed": seed, **asked.get("training", {})},
                    "data": {"train": train, "validation": validation},
                }
        tuning = {self.labels: self.fine_tuning}
        return Study(
            work, self.backbone, self.seen, self.training, [self.labels], {}, self.ways, tuning, encoders, {}, {}
        )


def encoder_name(row: str, seed: int) -> str:
    """Of its run and result."""
    return f"{row.replace(' ', '-')}-{seed}"


def prepare(settings: Systematics, work: Path, workers: int) -> None:
    """Make the jets that are not there."""
    for name in ("train", "validation", "test", "test-again"):
        make(work, name, SAMPLES[name], workers)
    subset(work, "train", settings.unlabelled)
    subset(work, "validation", settings.validation)
    subset(work, "test", settings.test_jets)
    shares = fractions(settings.data["dirichlet"], settings.data["seed"])
    make_data(work, {"train": settings.unlabelled, "validation": settings.validation}, shares, workers)
    make_test(work, settings.test_jets // len(JET_CLASSES), workers)
    make_pairs(work, settings.pairs, workers)


def judge(settings: Systematics, study: Study, row: str, seed: int) -> dict[str, Any]:
    """Train everything of a row, and test it on the simulation and on the data."""
    began, name, asked = time.process_time(), encoder_name(row, seed), settings.rows[row]
    if "strength" in asked:
        trained = train_adversarial(study, name, settings.labels, seed, asked["strength"])
        checkpoint, more = trained.folder / "last", {"domain_accuracy": domain_accuracy(trained)}
    else:
        if not is_reference(study, name):
            pretrained(study, name)
        trained = train_on_labels(study, name, settings.labels, seed, asked["way"])
        checkpoint, more = trained.best, {}
    model, _ = load_checkpoint(checkpoint)
    scored = {
        part: (predict(study, model, part), target_of(study, part)) for part in (settings.test, DATA_TEST, "test-again")
    }
    return {
        "row": row,
        "seed": seed,
        "simulation": figures(*scored[settings.test]),
        "data": figures(*scored[DATA_TEST]),
        "shift": shift(scored[settings.test], scored[DATA_TEST]),
        "floor": shift(scored[settings.test], scored["test-again"]),
        "validation": trained.metrics,
        **more,
        "core_minutes": (time.process_time() - began) / 60,
    }


def judged(settings: Systematics, study: Study, row: str, seed: int) -> dict[str, Any]:
    """The result of a row and seed, made now unless it was."""
    name = f"systematics/{encoder_name(row, seed)}"
    return study.result(name, lambda: judge(settings, study, row, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--settings", type=Path, default=HERE / "systematics.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the table")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    settings = Systematics(**yaml.safe_load(arguments.settings.read_text()))
    work = arguments.work.absolute()
    prepare(settings, work, arguments.workers)
    study = settings.study(work)
    for seed in range(settings.seeds):  # before the processes that share them
        domains(work, settings.labels, seed)
    places = [(row, seed) for seed in range(settings.seeds) for row in settings.rows]
    jobs = {place: (judged, settings, study, *place) for place in places}
    found = [result for _, result in finished(jobs, arguments.workers)]
    shares = fractions(settings.data["dirichlet"], settings.data["seed"])
    write_systematics(
        found, list(settings.rows), dict(zip(JET_CLASSES, shares.tolist(), strict=True)), arguments.output
    )


if __name__ == "__main__":
    main()
