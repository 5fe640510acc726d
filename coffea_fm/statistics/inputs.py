"""Read the output of a processor run for the fit."""

from __future__ import annotations

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
from coffea_fm.untrusted.json_text import MOST_BYTES, parse_json
from coffea_fm.untrusted.local_files import read_file

_FB_PER_PB = 1e3


@dataclass(frozen=True)
class Inputs:
    """Histograms with their normalisation.

    Parameters
    ----------
    histograms : dict of str to Filled
        The histograms named in the settings.
    luminosity : float
        fb⁻¹
    counts : Counts
        Cross sections, masses, and processed fraction of each dataset.
    """

    histograms: dict[str, Filled]
    luminosity: float
    counts: Counts

    def cross_section(self, signal: str) -> float:
        """Cross section of mu = 1, fb.

        Raises
        ------
        InputError
            If the run does not have exactly one cross section for the signal.
        """
        found = self.counts.cross_section.get(signal, frozenset())
        if len(found) != 1:
            raise InputError(
                f"the run has {len(found)} cross sections of the signal {signal!r} instead of one; "
                f"its processes are {', '.join(self.counts.cross_section)}"
            )
        return next(iter(found)) * _FB_PER_PB

    def mass(self, signal: str) -> float | None:
        """Mass of a signal in GeV, if the fileset has one."""
        found = self.counts.mass.get(signal, frozenset())
        return next(iter(found)) if len(found) == 1 else None


def read_inputs(
    folders: Sequence[Path], settings: FitSettings, seed: int = 0, luminosity: float | None = None
) -> Inputs:
    """Read ``histograms.zip`` and ``cutflow.json`` from folders written by ``coffea-fm run``, and sum them.

    Parameters
    ----------
    folders : sequence of Path
        Folders of runs over different datasets, such as simulation and data.
    settings : FitSettings
        Settings that name the histograms to read.
    seed : int
        Random seed of the counts drawn for pseudo-data.
    luminosity : float, optional
        Luminosity in fb⁻¹ to scale simulation and pseudo-data to; by default that of the runs.

    Raises
    ------
    InputError
        If a file or a histogram is missing, runs share a dataset or have different luminosities, or real data would
        have to be scaled.
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
    """Refuse folders that share a dataset, which would be counted twice.

    Raises
    ------
    InputError
        If two folders share a dataset, or a folder does not list its datasets.
    """
    places: dict[str, Path] = {}
    for folder in folders if len(folders) > 1 else ():
        try:
            datasets = dict(parse_json(read_file(folder / "summary.json", MOST_BYTES))["events_by_dataset"])
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"{folder / 'summary.json'} does not list the datasets of the run") from error
        for dataset in datasets:
            if dataset in places:
                raise InputError(
                    f"{places[dataset]} and {folder} both have the dataset {dataset!r}: it would be counted twice"
                )
            places[dataset] = folder


def chosen_histograms(folder: Path, settings: FitSettings) -> dict[str, hist.Hist[Any]]:
    """Read the histograms of a run that are named in the settings.

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
    """Scale a histogram to `factor` times the luminosity.

    Raises
    ------
    InputError
        If the factor is not positive, or the histogram contains real data, which cannot be scaled.
    """
    if factor == 1:
        return histogram
    if not 0 < factor < np.inf:
        raise InputError("--luminosity must be a number of fb^-1 above zero")
    if has_counts(histogram):
        raise InputError("data cannot be scaled to another luminosity: leave out --luminosity, or the data")
    return histogram * factor
