"""Settings for the simulated files of an analysis, from YAML."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field

from coffea_fm.analysis.sample import Positive
from coffea_fm.config import Config, read_config


class Process(Config):
    """Settings for the dataset of one process.

    Parameters
    ----------
    process : str
        Name in the histograms; by default that in the file names.
    cross_section : float, optional
        Cross section in pb; by default that in the files, as written by ``coffea-fm simulate hh4b``.
    signal : bool
        Whether the process is signal, whose cross section is set when the fileset is created.
    mass : float, optional
        Mass of the resonance of a signal, GeV.
    drop : str
        Name of a boolean field that is true for events covered by another process.
    beside : str
        Name of that process. Events are only dropped if it is in the fileset.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    process: str = ""
    cross_section: Positive | None = None
    signal: bool = False
    mass: Positive | None = None
    drop: str = ""
    beside: str = ""


class FilesetSettings(Config):
    """Settings for the simulated files of an analysis.

    Parameters
    ----------
    processes : dict of str to Process
        By the first part of the file names, ``PROCESS_INDEX.root``.
    """

    processes: dict[str, Process] = Field(min_length=1)


def read_fileset_settings(path: Path) -> FilesetSettings:
    """Read the settings of a fileset.

    Raises
    ------
    RecipeError
        If the file does not exist, or a key is unknown or missing.
    """
    return read_config(path, FilesetSettings, "fileset settings")
