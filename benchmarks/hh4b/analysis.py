"""The whole analysis with several event discriminants: corrections, histograms on dask, fit; all by the commands of users."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from data import TOP, as_arguments, datasets, events_of, simulate_events
from event_training import chosen_rate, trained
from pretrained import pretrained
from scipy.special import expit
from study import PROJECT, Setting, Study
from test_sample import TestSample

from coffea_fm.analysis.fileset import SIGNALS
from coffea_fm.bundle.read import MANIFEST

SHIFTED = "shifted"
DERIVE = PROJECT / "processors" / "hh4b_derive_corrections.py"


def analyse(study: Study, workers: int) -> None:
    """Run the analysis with each of the discriminants, unless that was done."""
    for name, row in study.analysis["rows"].items():
        study.result(f"analysis/{name}", lambda name=name, row=row: analysed(study, name, row, workers))  # type: ignore[misc]


def analysed(study: Study, name: str, row: list[Any], workers: int) -> dict[str, Any]:
    """Histograms and limits with one discriminant.

    Parameters
    ----------
    study : Study
        With the trained setting.
    name : str
        Of the folder.
    row : list
        A setting; empty for the mass of the first jet in place of a network.
    workers : int
        Processes of the dask cluster.
    """
    folder = study.work / "analysed" / name
    options: dict[str, Any] = {**study.analysis["processor"], "jets": str(jet_bundle(study))}
    options["corrections"] = str(corrections(study, workers))
    if row:
        setting = Setting(*row)
        result = trained(study, setting, chosen_rate(study, setting.way, setting.start))
        options["event"] = str(exported(result.folder / "best", study.work / "bundles" / name))
        options["event_cut"] = cut(study, np.load(result.folder / "discriminants.npy"))
    cluster = ("--dask", "local", "--workers", str(workers))
    account = command("run", "hh4b", fileset(study), "--output", folder, *cluster, *as_arguments(options))
    signals = [part for signal in SIGNALS for part in ("--signal", signal)]
    found = command("limit", folder, "--observe", "--output", folder / "limit", *signals)
    return {
        "options": options,
        "events": account["events"],
        "events_per_second": account["events_per_second"],
        "closure": found["closure"],
        "bins": found["bins"],
        "limits": {signal: {key: about[key] for key in ("expected_fb", "observed", "mu", "p_value")}
                   for signal, about in found["signals"].items()},
    }  # fmt: skip


def jet_bundle(study: Study) -> Path:
    """The bundle that defines the regions, the same for all rows."""
    return exported(pretrained(study, study.analysis["jets"]), study.work / "bundles" / "jets")


def exported(checkpoint: Path, bundle: Path) -> Path:
    """A bundle of a checkpoint, unless it is there."""
    if not (bundle / MANIFEST).exists():
        command("export", checkpoint, "--output", bundle)
    return bundle


def corrections(study: Study, workers: int) -> Path:
    """Corrections and scale factors of the bundle that defines the regions, unless they are there."""
    simulate_events(study, SHIFTED, study.analysis[SHIFTED], workers)
    path = study.work / "corrections.json"
    if not path.exists():
        folders = [str(study.work / "raw" / name) for name in ("train", SHIFTED)]
        cuts = ["--txbb", *map(str, study.analysis["processor"]["txbb"])]
        subprocess.run(
            [sys.executable, DERIVE, *folders, "--jets", jet_bundle(study), "--output", path, *cuts], check=True
        )
    return path


def cut(study: Study, log_odds: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Where the discriminant keeps the asked part of the signal."""
    chosen = log_odds[TestSample.read(events_of(study, "test")).signal]
    return float(expit(np.quantile(chosen, 1 - study.analysis["event_efficiency"])))


def fileset(study: Study) -> Path:
    """The test events, and the backgrounds of the shifted tune in the place of data."""
    path = study.work / "raw" / "analysis.json"
    pseudo_data = datasets(study, SHIFTED, kind="pseudo-data", processes=(TOP,))
    path.write_text(json.dumps(datasets(study, "test") | pseudo_data, indent=1))
    return path


def command(*arguments: object) -> dict[str, Any]:
    """What a command of coffea-fm says, as JSON."""
    line = [sys.executable, "-m", "coffea_fm.cli", *map(str, arguments), "--json"]
    result = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    content: dict[str, Any] = json.loads(result.stdout)
    return content
