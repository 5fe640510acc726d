"""Make a fileset of simulated files, with what their weights need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uproot

from coffea_fm.analysis.fileset_settings import FilesetSettings, Process
from coffea_fm.analysis.normalisation import normalisation, total_weights
from coffea_fm.analysis.sample import Kind
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import refuse_repeated

_FILE = re.compile(r"(\w+)_\d+\.root")
_TREE = "Events"


def make_fileset(
    folder: Path,
    settings: FilesetSettings,
    *,
    signal_cross_section: float,
    shifted: Path | None = None,
    variation: str = "tune",
    pseudo_data: Path | None = None,
    processes: Sequence[str] = (),
    pseudo_data_processes: Sequence[str] = (),
) -> dict[str, Any]:
    """A fileset of simulation, of the same made with other settings, and of what stands for data.

    Parameters
    ----------
    folder : Path
        Of the simulation; this and all else as for `simulated_fileset`.
    shifted : Path, optional
        Folder with the same processes, made with other settings.
    variation : str
        Name of what `shifted` varies.
    pseudo_data : Path, optional
        Folder with independent events that stand for data.
    pseudo_data_processes : sequence of str
        Those of the pseudo-data; by default as `processes`.

    Raises
    ------
    InputError, RecipeError
        As `simulated_fileset`; and if two of the folders have a file in common.
    """
    read = partial(simulated_fileset, settings=settings, signal_cross_section=signal_cross_section)
    content = read(folder, processes=processes)
    if shifted is not None:
        content |= read(shifted, processes=processes, variation=variation)
    if pseudo_data is not None:
        content |= read(pseudo_data, processes=pseudo_data_processes or processes, kind="pseudo-data")
    refuse_repeated({name: dataset["files"] for name, dataset in content.items()})
    return content


def simulated_fileset(
    folder: Path,
    settings: FilesetSettings,
    *,
    signal_cross_section: float,
    kind: Kind = "simulation",
    variation: str = "",
    processes: Sequence[str] = (),
) -> dict[str, Any]:
    """Datasets of the files in a folder, one a process, as `coffea_fm.running.fileset.read_fileset` takes them.

    Parameters
    ----------
    folder : Path
        Files ``PROCESS_INDEX.root``.
    settings : FilesetSettings
        Which processes there are.
    signal_cross_section : float
        Of each signal, decays included, pb: what mu = 1 means. Backgrounds have that of the settings, or of their files.
    kind : {"simulation", "pseudo-data"}
        What the events stand for.
    variation : str
        Name of the variation, if the sample was made with other settings.
    processes : sequence of str
        Some of those that are there; all by default.

    Returns
    -------
    dict
        By dataset, its ``files`` and the ``metadata`` that `coffea_fm.analysis.sample.Sample` describes.

    Raises
    ------
    InputError
        If the folder has no such files.
    RecipeError
        If it has none of a process that is asked for, or a file twice.
    """
    files = _files(folder, settings)
    if not files:
        raise InputError(
            f"{folder} has no files PROCESS_INDEX.root of {', '.join(settings.processes)}: make them with "
            "'coffea-fm simulate hh4b'"
        )
    missing = [name for name in processes if name not in files]
    if missing:
        raise RecipeError(f"{folder} has no events of {missing[0]!r}: it has {', '.join(files)}")
    chosen = {name: files[name] for name in processes or files}
    prefix = f"{variation or kind}_" if variation or kind != "simulation" else ""
    fileset = {
        f"{prefix}{name}": {
            "files": {str(path.absolute()): _TREE for path in paths},
            "metadata": {
                "process": settings.processes[name].process or name,
                "kind": kind,
                **({"variation": variation} if variation else {}),
                **_normalisation(paths, settings.processes[name], signal_cross_section),
                **_about(settings.processes[name], chosen),
            },
        }
        for name, paths in chosen.items()
    }
    refuse_repeated({name: dataset["files"] for name, dataset in fileset.items()})
    return fileset


def is_simulated(folder: Path, settings: FilesetSettings) -> bool:
    """Whether a folder holds files ``PROCESS_INDEX.root`` of these processes."""
    return bool(_files(folder, settings))


def _files(folder: Path, settings: FilesetSettings) -> dict[str, list[Path]]:
    files = defaultdict(list)
    for path in sorted(folder.glob("*.root")):
        match = _FILE.fullmatch(path.name)
        if match and match[1] in settings.processes:
            files[match[1]].append(path)
    return files


def _normalisation(paths: Sequence[Path], process: Process, signal_cross_section: float) -> dict[str, float]:
    known = signal_cross_section if process.signal else process.cross_section
    return {
        "cross_section": normalisation(paths).cross_section if known is None else known,
        "sum_of_weights": total_weights(paths),
        "events": sum(number for _, _, number in uproot.num_entries([f"{path}:{_TREE}" for path in paths])),
    }


def _about(process: Process, chosen: Collection[str]) -> dict[str, Any]:
    about: dict[str, Any] = {"signal": process.signal}
    if process.mass is not None:
        about["mass"] = process.mass
    if process.drop and (not process.beside or process.beside in chosen):
        about["drop"] = process.drop
    return about
