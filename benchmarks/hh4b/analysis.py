"""The whole analysis with several event discriminants: corrections, histograms on dask, fit; all by the commands of users."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from data import FILESET, TOP, as_arguments, datasets, simulate_events
from event_training import chosen_rate, trained
from pretrained import pretrained
from study import PROJECT, Setting, Study

from coffea_fm.analysis.fileset import simulated_fileset
from coffea_fm.bundle.read import MANIFEST
from coffea_fm.simulation.hh4b.processes import SIGNALS
from coffea_fm.simulation.hh4b.production import EventSettings, produce_events

SHIFTED, SIMULATION, TOPS = "shifted", "simulation", "tops"
INJECTIONS = 100


def analyse(study: Study, workers: int) -> None:
    """Run the analysis with each of the discriminants, unless that was done."""
    simulate_top_pairs(study, workers)
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
        A setting, whose discriminant is fitted; empty for no network: the first jet is cut on its mass, the second one's is fitted.
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
        options["event_cut"] = study.analysis["event_cut"]
    cluster = ("--dask", "local", "--workers", str(workers))
    runs = {}
    for kind, fileset in filesets_of(study).items():
        runs[kind] = folder / kind
        command("run", "hh4b", fileset, "--output", runs[kind], *cluster, *as_arguments(options))
    fit = ("--settings", "hh4b/limit_discriminant" if row else "hh4b/limit")
    signals = [part for signal in SIGNALS for part in ("--signal", signal)]
    found = command("limit", runs[SIMULATION], *fit, "--output", folder / "limit", *signals, "--injections", INJECTIONS)
    observed = command(
        "limit", *runs.values(), *fit, "--observe", "--luminosity", study.analysis["pseudo_data_luminosity"],
        "--signal", study.limit["signal"], "--output", folder / "pseudo-data-limit",
    )  # fmt: skip
    return {
        "options": options,
        "closure": found["closure"],
        "bins": found["bins"],
        "expected_fb": {signal: about["expected_fb"] for signal, about in found["signals"].items()},
        "injections": found["signals"][study.limit["signal"]]["injections"],
        "pseudo_data": {
            key: observed["signals"][study.limit["signal"]][key] for key in ("expected", "observed", "mu", "p_value")
        },
    }


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
        folders = [str((study.work / "raw" / name).resolve()) for name in ("train", SHIFTED)]
        cuts = ["--txbb", *map(str, study.analysis["processor"]["txbb"])]
        derive = [sys.executable, "-m", "hh4b.derive", *folders, "--jets", jet_bundle(study).resolve()]
        subprocess.run([*derive, "--output", path.resolve(), *cuts], check=True, cwd=PROJECT / "processors")
    return path


def simulate_top_pairs(study: Study, workers: int) -> None:
    """Unless they are there."""
    about = study.analysis[TOPS]
    produce_events(
        study.work / "raw" / TOPS, EventSettings(about["seed"], study.events["per_file"]), (TOP,), about[TOP], workers
    )


def filesets_of(study: Study) -> dict[str, Path]:
    """The test events, and the backgrounds of the shifted tune in the place of data."""
    found = {
        SIMULATION: datasets(study, "test") | top_pairs(study),
        "pseudo-data": datasets(study, SHIFTED, kind="pseudo-data", processes=(TOP,)),
    }
    paths = {kind: study.work / "raw" / f"analysis-{kind}.json" for kind in found}
    for kind, content in found.items():
        paths[kind].write_text(json.dumps(content, indent=1))
    return paths


def top_pairs(study: Study) -> dict[str, Any]:
    """The only background that the fit takes from simulation, in place of the few events of the test sample."""
    cross_section = study.events["signal_cross_section"]
    return simulated_fileset(study.work / "raw" / TOPS, FILESET, signal_cross_section=cross_section, processes=(TOP,))


def command(*arguments: object) -> dict[str, Any]:
    """What a command of coffea-fm says, as JSON."""
    line = [sys.executable, "-m", "coffea_fm.cli", *map(str, arguments), "--json"]
    result = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    content: dict[str, Any] = json.loads(result.stdout)
    return content
