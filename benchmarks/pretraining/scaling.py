"""Scaling laws: loss and linear probe against parameters, data and compute; start it again to go on where it was.

Run with ``make benchmark-laws``. The jets are those of ``make benchmark-pretraining`` in ``--work``.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from data import SAMPLES, make
from encoders import recipe_of
from figures_of_merit import figures, target_of
from jobs import finished
from scaling_tables import write_laws
from study import HERE, MODELS, Study, merged
from subsets import subset
from vectors import embed

from coffea_fm.evaluation.probes import linear_probe
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.training import pretrain
from coffea_fm.training.tokenizers import make_tokenizer

VALIDATION_SHARE = 0.2


class Point(NamedTuple):
    """One pretraining."""

    method: str
    size: str
    jets: int
    seen: int
    seed: int

    @property
    def name(self) -> str:
        """Of its run and result."""
        return "-".join(map(str, self))


@dataclass(frozen=True)
class Laws:
    """The content of ``scaling.yaml``."""

    methods: dict[str, dict[str, Any]]
    backbone: dict[str, Any]
    sizes: dict[str, dict[str, int]]
    learning_rate: float
    batch_tokens: int
    axes: dict[str, dict[str, Any]]
    seeds: dict[str, int]
    codes: int
    validation_jets: int
    probe_labels: int
    probe_sample: str

    def points(self) -> list[Point]:
        """All pretrainings, each once; long ones first."""
        found = set()
        for method, axis in product(self.methods, self.axes.values()):
            ranges = [axis[key] if isinstance(axis[key], list) else [axis[key]] for key in ("size", "jets", "seen")]
            for size, jets, seen in product(*ranges):
                found |= {Point(method, size, jets, seen, seed) for seed in range(self.seeds[size])}
        sizes = list(self.sizes)
        return sorted(found, key=lambda point: (-sizes.index(point.size), -point.seen, point.name))

    def study(self, work: Path, tokenizer: str) -> Study:
        """Every point as an encoder of the study."""
        reads_codes = {
            "masked": {"targets": {"kmeans": {"tokenizer": tokenizer}}},
            "next-token": {"tokenizer": tokenizer},
        }
        validation = work / "shards" / f"validation-{self.validation_jets}"
        encoders = {}
        for point in self.points():
            asked = self.methods[point.method]
            size = self.sizes[point.size]
            encoders[point.name] = merged(
                asked,
                {
                    "backbone": size,
                    "method": merged(asked.get("method", {}), reads_codes.get(point.method, {})),
                    "training": {"seen": point.seen, "seed": point.seed, "lr": self.learning_rate / size["dim"]},
                    "data": {"train": str(work / "shards" / f"train-{point.jets}"), "validation": str(validation)},
                },
            )
        nothing: dict[str, Any] = {}
        training = {"batch_tokens": self.batch_tokens}
        return Study(work, self.backbone, 0, training, [], {}, nothing, {}, encoders, nothing, nothing)


def prepare(laws: Laws, work: Path, workers: int) -> str:
    """Make the jets and the tokenizer that are not there; the folder of the tokenizer."""
    for name in ("train", "validation", laws.probe_sample):
        make(work, name, SAMPLES[name], workers)
    for jets in {point.jets for point in laws.points()} | {laws.probe_labels}:
        subset(work, "train", jets)
    subset(work, "validation", laws.validation_jets)
    content = yaml.safe_load((MODELS / "tokenizer-kmeans" / "recipe.yaml").read_text())
    data = {part: str(work / "shards" / part) for part in ("train", "validation")}
    content |= {"name": f"k-means-{laws.codes}", "tokenizer": {"kind": "k-means", "codes": laws.codes}, "data": data}
    recipe = work / "tokenizers" / f"k-means-{laws.codes}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(yaml.safe_dump(content))
    return str(make_tokenizer(recipe, work / "tokenizers", show_progress=False)["tokenizer"])


def measure(laws: Laws, study: Study, point: Point) -> dict[str, Any]:
    """Pretrain at one point; loss of the best checkpoint on validation jets, and linear probe of its embedding."""
    began = time.process_time()
    trained = pretrain(recipe_of(study, point.name), study.work / "encoders", show_progress=False)
    backbone = load_checkpoint(trained.best)[0].backbone
    labelled = f"train-{laws.probe_labels}"
    vectors, target = embed(study, backbone, labelled), target_of(study, labelled)
    cut = round((1 - VALIDATION_SHARE) * len(target))
    parts = [(vectors[part], target[part]) for part in (np.s_[:cut], np.s_[cut:])]
    scores = linear_probe(*parts[0], *parts[1], embed(study, backbone, laws.probe_sample))
    return {
        **point._asdict(),
        "parameters": sum(weights.numel() for weights in backbone.parameters()),
        "loss": trained.metrics["loss"],
        **figures(scores, target_of(study, laws.probe_sample)),
        "core_minutes": (time.process_time() - began) / 60,
    }


def measured(laws: Laws, study: Study, point: Point) -> dict[str, Any]:
    """The result of a point, made now unless it was."""
    return study.result(f"laws/{point.name}", lambda: measure(laws, study, point))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--laws", type=Path, default=HERE / "scaling.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of table and figure")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    work = arguments.work.absolute()
    laws = Laws(**yaml.safe_load(arguments.laws.read_text()))
    study = laws.study(work, prepare(laws, work, arguments.workers))
    jobs = {point: (measured, laws, study, point) for point in laws.points()}
    found = [result for _, result in finished(jobs, arguments.workers)]
    write_laws(found, laws.axes, arguments.output)


if __name__ == "__main__":
    main()
