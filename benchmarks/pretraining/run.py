"""Pretrain, probe and fine-tune every encoder of the study; start it again to go on where it was.

Run with ``make benchmark-pretraining``; ``--work`` holds everything that is not committed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from data import prepare, prepare_ladder
from fine_tuning import LABELS_OF_CHOICE, chosen_way, fine_tune
from jobs import finished
from maps import draw_maps
from probes import probe, vectors_of
from pseudo_labels import learn_from_own_labels
from study import HERE, Study, fine_tuned
from tables import write_tables
from vocabularies import trained_vocabulary
from weak_supervision import search

MAPPED = ("random", "mpm-v2", "next-token", "ssfm", "dino", "supervised")
"""Encoders whose embeddings are drawn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--study", type=Path, default=HERE / "study.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of tables and figures")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--only", nargs="*", help="encoders of the table; all by default, and then what the claims need"
    )
    arguments = parser.parse_args()
    study = Study.load(arguments.study, arguments.work)
    references = ["raw-features", *study.encoders]
    unknown = set(arguments.only or ()) - set(references)
    if unknown:
        parser.error(
            f"--only: {', '.join(sorted(unknown))} is not in {arguments.study}; choose from {', '.join(references)}"
        )
    prepare(arguments.work, arguments.workers)
    stages: list[tuple[Callable[[Study, str], Any], Iterable[str]]] = [
        (judge, arguments.only or references),
        (judge_pseudo_labels, ("scratch", "mpm-v2")),
        (judge_search, references),
        (trained_vocabulary, study.tokenizers),
        (judge_frozen, study.ladder),
    ][: 1 if arguments.only else None]
    for function, names in stages:
        if function is judge_frozen:
            prepare_ladder(arguments.work, arguments.workers)
        for _ in finished({name: (function, study, name) for name in names}, arguments.workers):
            write_tables(study, arguments.output)
    if not arguments.only:
        draw_maps(study, MAPPED, arguments.output / "embedding_maps.png")


def judge(study: Study, name: str) -> None:
    """Everything about one encoder: pretraining, probes, and fine-tuning with each number of labels."""
    if "of" in study.encoders.get(name, ()):
        judge_fine_tuned(study, name, LABELS_OF_CHOICE)
        return
    judge_frozen(study, name)
    if name in study.encoders and name != "random":
        for labels in sorted(study.labels, key=lambda labels: labels != LABELS_OF_CHOICE):
            judge_fine_tuned(study, name, labels)


def judge_frozen(study: Study, name: str) -> None:
    """Probes of one encoder, which is pretrained first."""
    if is_frozen(study, name):
        study.result(f"probes/{name}", lambda: probe(study, name))


def judge_pseudo_labels(study: Study, name: str) -> None:
    """Learning from its own labels of the unlabelled jets, for each set of 1000 labels."""
    for seed in range(study.seeds[LABELS_OF_CHOICE]):
        study.result(f"pseudo-labels/{name}-{seed}", partial(learn_from_own_labels, study, name, seed))


def judge_search(study: Study, name: str) -> None:
    """The weakly supervised search on the embeddings of one encoder."""
    if is_frozen(study, name):
        study.result(f"searches/{name}", lambda: search(study, vectors_of(study, name)))


def is_frozen(study: Study, name: str) -> bool:
    """Whether there is an embedding to judge: not that of a network which only starts from random weights."""
    return name in ("random", "raw-features") or "recipe" in (study.encoders | study.ladder)[name]


def judge_fine_tuned(study: Study, name: str, labels: int) -> None:
    """Fine-tuning of one encoder with so many labels, all seeds: in the chosen way, or in all where it is chosen."""
    chosen = chosen_way(study, name)
    for way, seed in product(study.ways if labels == LABELS_OF_CHOICE else [chosen], range(study.seeds[labels])):
        study.result(fine_tuned(name, labels, seed, way), partial(fine_tune, study, name, labels, seed, way))


if __name__ == "__main__":
    main()
