"""A fileset of ``coffea-fm simulate hh4b``'s files, with what their weights need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.simulation.hh4b.normalisation import normalisation
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES, MASSES

SIGNALS = (*(f"X{mass}" for mass in MASSES), "HH")
MULTIJET = "multijet"
_PROCESS = {"QCD": MULTIJET, "QCDbb": MULTIJET}
_FILE = re.compile(r"(\w+)_\d+\.root")


def simulated_fileset(
    folder: Path,
    *,
    signal_cross_section: float,
    kind: str = "simulation",
    variation: str = "",
    processes: Sequence[str] = (),
) -> dict[str, Any]:
    """Datasets of the files in a folder, one a process, as `coffea_fm.running.fileset.read_fileset` takes them.

    Parameters
    ----------
    folder : Path
        Files ``PROCESS_INDEX.root``.
    signal_cross_section : float
        Of each signal, decays included, pb: what mu = 1 means. Backgrounds have Pythia's.
    kind : {"simulation", "pseudo-data"}
        What the events stand for.
    variation : str
        Name of the variation, if the sample was made with other settings.
    processes : sequence of str
        Some of those that are there; all by default.

    Raises
    ------
    InputError
        If the folder has no such files.
    RecipeError
        If it has none of a process that is asked for.
    """
    files = defaultdict(list)
    for path in sorted(folder.glob("*.root")):
        match = _FILE.fullmatch(path.name)
        if match and match[1] in EVENT_PROCESSES:
            files[match[1]].append(path)
    if not files:
        raise InputError(f"{folder} has no files of 'coffea-fm simulate hh4b', PROCESS_INDEX.root")
    lacking = [name for name in processes if name not in files]
    if lacking:
        raise RecipeError(f"{folder} has no events of {lacking[0]!r}: it has {', '.join(files)}")
    chosen = {name: files[name] for name in processes or files}
    prefix = f"{variation or kind}_" if variation or kind != "simulation" else ""
    return {
        f"{prefix}{name}": {
            "files": {str(path.absolute()): "Events" for path in paths},
            "metadata": {
                **_metadata(name, paths, signal_cross_section, drop_two_b=name == "QCD" and "QCDbb" in chosen),
                "kind": kind,
                **({"variation": variation} if variation else {}),
            },
        }
        for name, paths in chosen.items()
    }


def _metadata(name: str, paths: Sequence[Path], signal_cross_section: float, *, drop_two_b: bool) -> dict[str, Any]:
    known = normalisation(paths)
    cross_section = signal_cross_section if name in SIGNALS else known.cross_section
    return {
        "process": _PROCESS.get(name, name),
        "pb_per_weight": cross_section / known.sum_of_weights,
        "cross_section": cross_section,
        "signal": name in SIGNALS,
        "drop_two_b": drop_two_b,
    }
