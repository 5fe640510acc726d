"""What an analysis says of its simulated files, as YAML."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field

from coffea_fm.analysis.sample import Positive
from coffea_fm.config import Config, read_config


class Process(Config):
    """How the files of one process become a dataset.

    Parameters
    ----------
    process : str
        Its name in the histograms; by default that in the names of the files.
    cross_section : float, optional
        pb; by default what the files store, which those of ``coffea-fm simulate hh4b`` do.
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
    cross_section: Positive | None = None
    signal: bool = False
    mass: Positive | None = None
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
