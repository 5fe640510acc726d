"""Files of simulated jets."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import awkward as ak

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.sample_files import SETTINGS_FILE, Amount, Part, take_first, take_pairs, write_files
from coffea_fm.simulation.variations import check_variations

__all__ = ["SETTINGS_FILE", "SimulationSettings", "produce", "write_part"]

Layout = Literal["nano", "jetclass"]
Spectrum = Literal["falling", "flat"]
_EVENTS_AT_A_TIME = 100
_LOWEST_PT, _HIGHEST_PT = 50.0, 4000.0


@dataclass(frozen=True)
class SimulationSettings:
    """Settings that determine the content of a file, together with its class and index.

    Parameters
    ----------
    pt_range : tuple of float
        Range of the jets' transverse momentum, GeV.
    seed : int
        Seed of the whole sample.
    jets_per_file : int
        Jets in every file.
    layout : "nano" or "jetclass"
        NanoAOD with candidates, or JetClass.
    spectrum : "falling" or "flat"
        The physical spectrum, or one flattened with event weights.
    pythia : tuple of str
        Extra Pythia settings, such as ``Tune:pp = 21``: another tune, no lifetimes.
    resimulate : tuple of str
        Variations in which each hard process is simulated again; their jets come on top of `jets_per_file`.
    detector : DetectorSettings
        Changes of the detector's efficiency and resolutions.
    """

    pt_range: tuple[float, float] = (500.0, 1000.0)
    seed: int = 0
    jets_per_file: int = 5000
    layout: Layout = "nano"
    spectrum: Spectrum = "falling"
    pythia: tuple[str, ...] = ()
    resimulate: tuple[str, ...] = ()
    detector: DetectorSettings = NOMINAL_DETECTOR

    def __post_init__(self) -> None:
        low, high = self.pt_range
        if not _LOWEST_PT <= low < high <= _HIGHEST_PT:
            raise RecipeError(f"jets of {low:g} to {high:g} GeV cannot be made; choose a range within 50 to 4000 GeV")
        if self.jets_per_file < 1:
            raise RecipeError(f"a file of {self.jets_per_file} jets cannot be made; choose at least 1")
        if self.seed < 0:
            raise RecipeError(f"the seed {self.seed} is negative; choose 0 or more")
        check_variations(self.resimulate)
        sets_tune = any(setting.replace(" ", "").lower().startswith("tune:pp=") for setting in self.pythia)
        if sets_tune and "tune" in self.resimulate:
            raise RecipeError(
                "the Pythia settings choose Tune:pp, and so does the variation tune; leave one of them out"
            )


def write_part(part: Part, settings: SimulationSettings) -> None:
    """Simulate and write one file.

    Parameters
    ----------
    part : Part
        Class, seed and index of the file.
    settings : SimulationSettings
        Settings shared by all files of the sample.
    """
    from coffea_fm.simulation.jetclass import write_jetclass
    from coffea_fm.simulation.nano import write_nano
    from coffea_fm.simulation.sample import simulate

    flat, events = settings.spectrum == "flat", min(_EVENTS_AT_A_TIME, settings.jets_per_file)
    batches = simulate(
        part.name,
        settings.pt_range,
        settings.seed,
        part.index,
        flat=flat,
        batch=events,
        pythia=settings.pythia,
        variations=settings.resimulate,
        detector=settings.detector,
    )
    if settings.resimulate:
        jets = take_pairs(batches, settings.jets_per_file)
        first = (part.index * len(JET_CLASSES) + JET_CLASSES.index(part.name)) * settings.jets_per_file
        jets = ak.with_field(jets, jets.pair + first, "pair")  # different in all files of the sample
    else:
        jets = take_first(batches, settings.jets_per_file)
    with atomic(part.path) as temporary:
        if settings.layout == "nano":
            write_nano(temporary, jets, run=JET_CLASSES.index(part.name) + 1, block=part.index + 1)
        else:
            write_jetclass(temporary, jets)


def produce(
    output: Path, settings: SimulationSettings, classes: tuple[str, ...], jets_per_class: int, workers: int | Executor
) -> list[Path]:
    """Write the missing files of a sample.

    Parameters
    ----------
    output : Path
        Folder of the files ``CLASS_INDEX.root`` and of the settings.
    settings : SimulationSettings
        Settings shared by all files; a folder with other settings is refused.
    classes : tuple of str
        Some of `JET_CLASSES`.
    jets_per_class : int
        Jets per class, rounded up to whole files.
    workers : int or concurrent.futures.Executor
        Number of processes, or the executor of a cluster that shares the folder.

    Returns
    -------
    list of Path
        The new files.

    Raises
    ------
    RecipeError
        If a class is unknown, or the folder has other settings.
    InputError
        If the folder cannot be written, or a process was killed; complete files are kept.
    """
    unknown = [name for name in classes if name not in JET_CLASSES]
    if unknown:
        raise RecipeError(f"unknown jet class {unknown[0]!r}; the classes are {', '.join(JET_CLASSES)}")
    amount = Amount(jets_per_class, settings.jets_per_file, "jets")
    return write_files(output, settings, classes, amount, write_part, workers)
