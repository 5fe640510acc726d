"""Simulate, train by folds, run the processor and fit: the whole analysis; start it again to go on where it was.

Run with ``make benchmark-hh4b-analysis``; ``--work`` holds everything that is not committed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
import yaml
from analysis import JUDGED, analysed
from analysis_tables import write_analysis
from data import collect_events, datasets, prepare_jets, simulate_events
from study import HERE, Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work-analysis")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the tables and the figure")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    settings = yaml.safe_load((HERE / "analysis.yaml").read_text())
    study = Study.load(HERE / "study.yaml", arguments.work, settings["study"])
    torch.set_num_threads(1)
    prepare(study, arguments.workers)
    for name, row in settings["rows"].items():
        analysed(study, settings, name, row)
        print(name, "done", flush=True)
        write_analysis(study, settings, arguments.output)


def prepare(study: Study, workers: int) -> None:
    """Make what is not there yet: jets, events to train on, and events to judge with, which are all of them."""
    for name, sample in study.jets["samples"].items():
        prepare_jets(study, name, sample, workers)
    for name, sample in study.events["samples"].items():
        simulate_events(study, name, sample, workers)
    collect_events(study, "train", datasets(study, "train"), workers)
    collect_events(study, JUDGED, datasets(study, *study.events["samples"]), workers)


if __name__ == "__main__":
    main()
