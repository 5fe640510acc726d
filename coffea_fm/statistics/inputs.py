"""What a run of a processor left for the fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from coffea_fm.errors import InputError
from coffea_fm.running.outputs import read_histograms
from coffea_fm.statistics.pseudo_data import as_counts
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
    cross_sections : dict of str to list of float
        By process, pb: one each, unless datasets disagree.
    """

    histograms: dict[str, Filled]
    luminosity: float
    cross_sections: dict[str, list[float]]

    def cross_section(self, signal: str) -> float:
        """Of mu = 1, fb.

        Raises
        ------
        InputError
            If the run had no such signal, or gave it several.
        """
        found = self.cross_sections.get(signal, [])
        if len(found) != 1:
            raise InputError(
                f"the run has {len(found)} cross sections of the signal {signal!r} instead of one; "
                f"its processes are {', '.join(self.cross_sections)}"
            )
        return found[0] * _FB_PER_PB


def read_inputs(folder: Path, settings: FitSettings, seed: int) -> Inputs:
    """Read ``histograms.zip`` and ``cutflow.json`` of a folder that ``coffea-fm run`` wrote.

    Parameters
    ----------
    folder : Path
        Where they are.
    settings : FitSettings
        Which histograms are needed.
    seed : int
        For the counts of pseudo-data.

    Raises
    ------
    InputError
        If they are not there, lack a histogram, or were made with several luminosities.
    """
    found = read_histograms(folder / "histograms.zip")
    parts: list[Plane | Shown] = [*settings.planes.values(), *settings.figures.values()]
    wanted = sorted({part.histogram for part in parts})
    for name in wanted:
        if name not in found:
            raise InputError(f"{folder} has no histogram {name!r}: it has {', '.join(found)}")
    try:
        counts = json.loads((folder / "cutflow.json").read_text())
        (luminosity,) = counts["luminosity"]
        sections = counts["cross_section"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{folder / 'cutflow.json'} does not give one luminosity and the cross sections: run the processor again "
            "over all datasets with the same options"
        ) from error
    return Inputs({name: Filled(as_counts(found[name], seed), name) for name in wanted}, luminosity, sections)
