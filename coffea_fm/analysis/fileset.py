"""Make a fileset of simulated files, with what their weights need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import uproot
from pydantic import ConfigDict, Field

from coffea_fm.analysis.normalisation import normalisation
from coffea_fm.analysis.sample import Kind
from coffea_fm.config import Config, read_config
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import refuse_repeated

_FILE = re.compile(r"(\w+)_\d+\.root")
_TREE = "Events"


class Process(Config):
    """How the files of one process become a dataset.

    Parameters
    ----------
    process : str
        Its name in the histograms; by default that in the names of the files.
    signal : bool
        Whether the events are signal, whose cross section is given when the fileset is made.
    mass : float, optional
        Of the resonance that a signal is, GeV.
    drop : str
        Name of a boolean field of the events that another process stands for.
    beside : str
        That other process: events are dropped only if it is in the fileset.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    process: str = ""
    signal: bool = False
    mass: Annotated[float, Field(gt=0)] | None = None
    drop: str = ""
    beside: str = ""


class FilesetSettings(Config):
    """What an analysis says of its simulated files.

    Parameters
    ----------
    processes : dict of str to Process
        By the first part of the files' names, ``PROCESS_INDEX.root``.
    """

    processes: dict[str, Process] = Field(min_length=1)


def read_fileset_settings(path: Path) -> FilesetSettings:
    """Read the settings of a fileset.

    Raises
    ------
    RecipeError
        If there is no such file, or a key is unknown or missing.
    """
    return read_config(path, FilesetSettings, "fileset settings")


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
        Of each signal, decays included, pb: what mu = 1 means. Backgrounds have the one that their files store.
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
    files = defaultdict(list)
    for path in sorted(folder.glob("*.root")):
        match = _FILE.fullmatch(path.name)
        if match and match[1] in settings.processes:
            files[match[1]].append(path)
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
                **_normalisation(paths, signal_cross_section if settings.processes[name].signal else None),
                **_about(settings.processes[name], chosen),
            },
        }
        for name, paths in chosen.items()
    }
    refuse_repeated({name: dataset["files"] for name, dataset in fileset.items()})
    return fileset


def _normalisation(paths: Sequence[Path], cross_section: float | None) -> dict[str, float]:
    known = normalisation(paths)
    return {
        "cross_section": known.cross_section if cross_section is None else cross_section,
        "sum_of_weights": known.sum_of_weights,
        "events": sum(number for _, _, number in uproot.num_entries([f"{path}:{_TREE}" for path in paths])),
    }


def _about(process: Process, chosen: Collection[str]) -> dict[str, Any]:
    about: dict[str, Any] = {"signal": process.signal}
    if process.mass is not None:
        about["mass"] = process.mass
    if process.drop and (not process.beside or process.beside in chosen):
        about["drop"] = process.drop
    return about
