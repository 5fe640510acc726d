"""The analysis with one event discriminant: histograms and fit by the commands of users, and figures of merit beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from closure_slices import closure_in_slices
from data import TAGGER, as_arguments, events_of
from event_training import discriminants, trained
from figures_of_merit import figures
from limit import limit_on_mu
from limit_error import replicated_limits
from pretrained import embeddings
from study import PROJECT, Setting, Study
from test_sample import Floats, TestSample

from coffea_fm.analysis.folds import FOLDS
from coffea_fm.bundle.read import MANIFEST
from coffea_fm.shards import ShardDataset

JUDGED = "judged"
"""The sample of all events, of those to train on too: each is judged by a model that has not seen it."""


def analysed(study: Study, settings: dict[str, Any], name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Figures of merit of one discriminant, and its histograms and limit.

    Parameters
    ----------
    study : Study
        The study, with its samples.
    settings : dict
        The content of ``analysis.yaml``.
    name : str
        Name of the folder.
    row : dict
        A way with its start and rate, whose discriminant is fitted; empty for no network.
    """
    figures_of_merit = study.result(f"judged/{name}", lambda: judged(study, settings, row)) if row else {}
    return figures_of_merit | study.result(f"fitted/{name}", lambda: fitted(study, settings, name, row))


def fitted(study: Study, settings: dict[str, Any], name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Histograms, closure, limit, injections, and the error of the limit from the number of simulated events."""
    folder = study.work / "analysed" / name
    options: dict[str, Any] = {**settings["processor"], "jets": str(TAGGER)}
    if row:
        bundles = [study.work / "bundles" / f"{name}-{fold}" for fold in range(FOLDS)]
        pairs = zip(checkpoints(study, row), bundles, strict=True)
        options["event"] = [str(exported(*pair)) for pair in pairs]
        options["event_cut"] = settings["event_cut"]
    if not (folder / "run" / "summary.json").exists():
        fileset = study.work / "raw" / f"{JUDGED}.json"
        command("run", "hh4b", fileset, "--output", folder / "run", *as_arguments(options))
    signal = study.limit["signal"]
    fit = fit_settings(study, "limit_discriminant" if row else "limit", settings["minimal_effective_events"])
    found = command(
        "limit", folder / "run", "--settings", fit, "--output", folder / "limit",
        "--signal", signal, "--injections", settings["injections"],
    )  # fmt: skip
    return {
        "closure": found["closure"],
        "bins": found["bins"],
        "remarks": found["remarks"],
        **{key: found["signals"][signal][key] for key in ("expected_fb", "injections")},
        "limit_error": replicated_limits(folder / "run", fit, signal, settings["replicas"]),
    }


def fit_settings(study: Study, name: str, least: float) -> Path:
    """The shipped settings of a fit, with fewer effective events in a bin and without the resolved category."""
    content = yaml.safe_load((PROJECT / "processors" / "hh4b" / f"{name}.yaml").read_text())
    content |= {"minimal_effective_events": least, "planes": {"boosted": content["planes"]["boosted"]}}
    path = study.work / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def checkpoints(study: Study, row: dict[str, Any]) -> list[Path]:
    """The models of a row, each of which has not seen the events of a fold, trained unless they were."""
    setting = Setting(row["way"], row["start"], max(study.labels), 0)
    return [trained(study, setting, row["rate"], fold).folder / "best" for fold in range(FOLDS)]


def judged(study: Study, settings: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Figures of merit of all events, each by the model that has not seen it, and the closure in slices of TXbb."""
    events = events_of(study, JUDGED)
    columns = ShardDataset(events).scalars("fold", "second_txbb", "first_txbb")
    by_fold = [discriminants(path, events, embeddings(study)) for path in checkpoints(study, row)]
    scores: Floats = np.choose(columns["fold"].astype(np.int64), by_fold)
    sample = TestSample.read(events)
    first = settings["processor"]["first_txbb"]
    return {
        "figures": figures(sample, scores, study.replicas, study.limit["signal"]),
        "untagged_limit": limit_on_mu(sample, scores, study.limit),
        "closure_slices": closure_in_slices(
            sample, 1 / (1 + np.exp(-scores)) > settings["event_cut"], columns["first_txbb"] > first,
            columns["second_txbb"], settings["processor"]["txbb"][0], settings["txbb_slices"],
        ),
    }  # fmt: skip


def exported(checkpoint: Path, bundle: Path) -> Path:
    """A bundle of a checkpoint, unless it is there."""
    if not (bundle / MANIFEST).exists():
        command("export", checkpoint, "--output", bundle)
    return bundle


def command(*arguments: object) -> dict[str, Any]:
    """What a command of coffea-fm says, as JSON."""
    line = [sys.executable, "-m", "coffea_fm.cli", *map(str, arguments), "--json"]
    result = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    content: dict[str, Any] = json.loads(result.stdout)
    return content
