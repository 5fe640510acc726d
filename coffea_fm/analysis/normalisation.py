"""Generated weights and cross section of a file, from the tree ``Runs`` of simulated NanoAOD."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uproot

from coffea_fm.errors import InputError

_SUM, _SECTION, _ERROR = "genEventSumw", "crossSection", "crossSectionError"


@dataclass(frozen=True)
class Normalisation:
    """Conversion of ``genWeight`` to a cross section.

    Attributes
    ----------
    cross_section, cross_section_error : float
        Total generated cross section in pb, with its statistical error.
    sum_of_weights : float
        Sum of all weights generated for the files, including events that the selection dropped.
    """

    cross_section: float
    cross_section_error: float
    sum_of_weights: float

    @property
    def pb_per_weight(self) -> float:
        """Cross section per unit of ``genWeight``; multiply by weight and luminosity to get expected events."""
        return self.cross_section / self.sum_of_weights


def sum_of_weights(file: Any) -> float | None:
    """Sum of all weights generated for an open file, or None if the file does not store it.

    Parameters
    ----------
    file : uproot.ReadOnlyDirectory
        NanoAOD file. ``Runs/genEventSumw`` is kept by skims.
    """
    if "Runs" not in file or _SUM not in file["Runs"]:
        return None
    return float(file["Runs"][_SUM].array(library="np").sum())


def total_weights(files: Iterable[str | Path]) -> float:
    """Sum of all weights generated for several files.

    Raises
    ------
    InputError
        If a file does not store it.
    """
    total = 0.0
    for path in files:
        with uproot.open(path) as file:
            weights = sum_of_weights(file)
        if weights is None:
            raise InputError(f"{path} has no Runs/{_SUM}, the sum of generated weights that NanoAOD stores")
        total += weights
    return total


def normalisation(files: Iterable[str | Path]) -> Normalisation:
    """Read the normalisation of all files of one process.

    Parameters
    ----------
    files : iterable of path-like
        Files of ``coffea-fm simulate hh4b``, all of one process.

    Raises
    ------
    InputError
        If there are no files, one has no cross section, or the cross sections differ, e.g. for several processes.
    """
    paths, sections = list(files), set()
    for path in paths:
        with uproot.open(path) as file:
            if "Runs" not in file or _SECTION not in file["Runs"]:
                raise InputError(
                    f"{path} has no Runs/{_SECTION}, as files of 'coffea-fm simulate hh4b' do: give the cross section "
                    "of its process in the settings of the fileset"
                )
            stored = file["Runs"].arrays([_SECTION, _ERROR], library="np")
        sections |= set(zip(stored[_SECTION].tolist(), stored[_ERROR].tolist(), strict=True))
    if not sections:
        raise InputError("there are no files to read a cross section from: give the files of one process")
    if len(sections) > 1:
        raise InputError(
            f"the files have {len(sections)} different cross sections: they are of several processes or settings; "
            "read those of one process at a time"
        )
    return Normalisation(*sections.pop(), total_weights(paths))
