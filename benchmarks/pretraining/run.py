"""Pretrain, probe and fine-tune every encoder of the study; start it again to go on where it was.

Run with ``make benchmark-pretraining``; ``--work`` holds everything that is not committed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from data import prepare
from encoders import is_reference
from fine_tuning import LABELS_OF_CHOICE, chosen_way, fine_tune
from maps import draw_maps
from probes import probe, vectors_of
from study import HERE, Study, fine_tuned
from tables import write_tables
from vocabularies import trained_vocabulary
from weak_supervision import search

Job = tuple[Any, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--study", type=Path, default=HERE / "study.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of tables and figures")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    prepare(arguments.work, arguments.workers)
    study = Study.load(arguments.study, arguments.work)
    trained = [name for name in study.encoders if name != "random"]
    stages: list[list[Job]] = [
        [(judge_frozen, study, name) for name in [*study.encoders, "raw-features"]],
        [(judge_fine_tuned, study, name, LABELS_OF_CHOICE) for name in trained],
        *(
            [(judge_fine_tuned, study, name, labels) for name in trained]
            for labels in study.labels
            if labels != LABELS_OF_CHOICE
        ),
        [(trained_vocabulary, study, name) for name in study.tokenizers],
        [(judge_frozen, study, name) for name in study.ladder],
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for stage in stages:
            jobs = {pool.submit(*job): job[2:] for job in stage}
            for job in as_completed(jobs):
                job.result()
                print(*jobs[job], "done", flush=True)
            write_tables(study, arguments.output)
    draw_maps(study, [name for name in study.encoders if name != "scratch"], arguments.output / "embedding_maps.png")


def judge_frozen(study: Study, name: str) -> None:
    """Probes of one encoder, which is pretrained first."""
    if is_reference(study, name) and name != "random":
        return
    study.result(f"probes/{name}", lambda: probe(study, name))
    if name not in study.ladder:
        study.result(f"searches/{name}", lambda: search(study, vectors_of(study, name)))


def judge_fine_tuned(study: Study, name: str, labels: int) -> None:
    """Fine-tuning of one encoder with so many labels, all seeds: in the chosen way, or in all where it is chosen."""
    chosen = chosen_way(study, name)
    for way, seed in product(study.ways if labels == LABELS_OF_CHOICE else [chosen], range(study.seeds[labels])):
        study.result(fine_tuned(name, labels, seed, way), partial(fine_tune, study, name, labels, seed, way))


if __name__ == "__main__":
    main()
