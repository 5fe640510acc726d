"""Pretrain, train on events and judge every setting of the study; start it again to go on where it was.

Run with ``make benchmark-hh4b``; ``--work`` holds everything that is not committed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import events_of, prepare
from event_training import chosen_rate, discriminants, trained
from figures_of_merit import figures
from limit import limit_on_mu
from pretrained import embeddings, prepare_backbone
from results import Results
from study import HERE, Setting, Study
from tables import write_tables
from test_sample import TestSample

Job = tuple[Any, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--study", type=Path, default=HERE / "study.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of tables and figures")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    study = Study.load(arguments.study, arguments.work)
    prepare(study, arguments.workers)
    stages: list[list[Job]] = [
        [(prepare_backbone, study, name) for name in study.pretrainings],
        [(chosen_rate, study, way, start) for way, about in study.ways.items() for start in about["starts"]],
        *([(judge, study, setting) for setting in group] for group in by_cost(study)),
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for stage in stages:
            jobs = {pool.submit(*job): job[2:] for job in stage}
            for job in as_completed(jobs):
                job.result()
                print(*jobs[job], "done", flush=True)
            if Results(study).measured:
                write_tables(study, arguments.output)


def by_cost(study: Study) -> list[list[Setting]]:
    """The settings with frozen backbones, which take seconds, then the others seed by seed; the longest first."""
    settings = study.settings()
    frozen = [setting for setting in settings if setting.way.startswith("frozen")]
    others = [setting for setting in settings if setting not in frozen]
    return [frozen, *([setting for setting in others if setting.seed == seed] for seed in range(study.seeds))]


def judge(study: Study, setting: Setting) -> None:
    """Train a setting at the chosen rates of its way, and compute all figures of merit."""
    study.result(f"settings/{setting.name}", lambda: measured(study, setting))


def measured(study: Study, setting: Setting) -> dict[str, Any]:
    """What is known of a setting: its training, its figures of merit in all replicas, and the quick limit."""
    rate = chosen_rate(study, setting.way, setting.start)
    result = trained(study, setting, rate)
    scores = discriminants(result.folder / "best", events_of(study, "test"), embeddings(study))
    np.save(result.folder / "discriminants.npy", scores)
    sample = TestSample.read(events_of(study, "test"))
    return {
        "rate": rate,
        "seen": result.seen,
        "validation_loss": result.best["loss"],
        "limit": limit_on_mu(sample, scores, study.limit),
        "figures": figures(sample, scores, study.replicas, study.limit["signal"]),
    }


if __name__ == "__main__":
    main()
