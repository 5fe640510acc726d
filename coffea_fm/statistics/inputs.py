"""What a run of a processor left for the fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import hist
import numpy as np
from coffea.processor import accumulate

from coffea_fm.analysis.counts import Counts
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.errors import InputError
from coffea_fm.statistics.pseudo_data import as_counts, has_counts
from coffea_fm.statistics.settings import FitSettings, Plane, Shown
from coffea_fm.statistics.yields import Filled

_FB_PER_PB = 1e3


@dataclass(frozen=True)
class Inputs:
    """Histograms with their normalisation.

    Parameters
    ----------
    histograms : dict of str to Filled
        Those that the settings name.
    luminosity : float
        fb⁻¹
    counts : Counts
        Cross sections, masses, and how much of each dataset was processed.
    """

    histograms: dict[str, Filled]
    luminosity: float
    counts: Counts

    def cross_section(self, signal: str) -> float:
        """Of mu = 1, fb.

        Raises
        ------
        InputError
            If the run had no such signal, or gave it several.
        """
        found = self.counts.cross_section.get(signal, frozenset())
        if len(found) != 1:
            raise InputError(
                f"the run has {len(found)} cross sections of the signal {signal!r} instead of one; "
                f"its processes are {', '.join(self.counts.cross_section)}"
            )
        return next(iter(found)) * _FB_PER_PB

    def mass(self, signal: str) -> float | None:
        """Of a signal, GeV, if the fileset gives one."""
        found = self.counts.mass.get(signal, frozenset())
        return next(iter(found)) if len(found) == 1 else None


def read_inputs(
    folders: Sequence[Path], settings: FitSettings, seed: int = 0, luminosity: float | None = None
) -> Inputs:
    """Read ``histograms.zip`` and ``cutflow.json`` of folders that ``coffea-fm run`` wrote, and add them up.

    Parameters
    ----------
    folders : sequence of Path
        Where they are: runs over other datasets each, such as simulation and data.
    settings : FitSettings
        Which histograms are needed.
    seed : int
        For the counts of pseudo-data.
    luminosity : float, optional
        fb⁻¹ to scale simulation and pseudo-data to, in place of that of the runs.

    Raises
    ------
    InputError
        If a file or a histogram is missing, runs share a dataset or were made with several luminosities, or data were
        to be scaled.
    """
    refuse_shared_datasets(folders)
    found = accumulate([chosen_histograms(folder, settings) for folder in folders])
    counts = reduce(add, map(Counts.read, folders), Counts())
    if len(counts.luminosity) != 1:
        raise InputError(
            f"{' and '.join(map(str, folders))} have luminosities of {sorted(counts.luminosity)} fb^-1 instead of one: run "
            "the processor again over all datasets with the same options"
        )
    (of_run,) = counts.luminosity
    chosen = of_run if luminosity is None else luminosity
    counted = {name: as_counts(at_luminosity(histogram, chosen / of_run), seed) for name, histogram in found.items()}
    return Inputs({name: Filled(histogram, name) for name, histogram in counted.items()}, chosen, counts)


def refuse_shared_datasets(folders: Sequence[Path]) -> None:
    """Complain of a dataset that would count twice.

    Raises
    ------
    InputError
        If two folders have one, or do not say which they have.
    """
    places: dict[str, Path] = {}
    for folder in folders if len(folders) > 1 else ():
        try:
            datasets = json.loads((folder / "summary.json").read_text())["events_by_dataset"]
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{folder / 'summary.json'} does not say which datasets the run had") from error
        for dataset in datasets:
            if dataset in places:
                raise InputError(
                    f"{places[dataset]} and {folder} both have the dataset {dataset!r}: it would count twice"
                )
            places[dataset] = folder


def chosen_histograms(folder: Path, settings: FitSettings) -> dict[str, hist.Hist[Any]]:
    """Those of a run that the settings name.

    Raises
    ------
    InputError
        If one is missing.
    """
    found = read_histograms(folder / "histograms.zip")
    parts: list[Plane | Shown] = [*settings.planes.values(), *settings.figures.values()]
    wanted = sorted({part.histogram for part in parts})
    for name in wanted:
        if name not in found:
            raise InputError(f"{folder} has no histogram {name!r}: it has {', '.join(found)}")
    return {name: found[name] for name in wanted}


def at_luminosity(histogram: hist.Hist[Any], factor: float) -> hist.Hist[Any]:
    """The histogram for so many times the luminosity.

    Raises
    ------
    InputError
        If that is not positive, or there are data in it: they belong to the luminosity at which they were taken.
    """
    if factor == 1:
        return histogram
    if not 0 < factor < np.inf:
        raise InputError("--luminosity must be a number of fb^-1 above zero")
    if has_counts(histogram):
        raise InputError("data belong to the luminosity at which they were taken: leave out --luminosity, or the data")
    return histogram * factor
