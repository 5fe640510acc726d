"""What was generated for the events of a file: the tree ``Runs`` of simulated NanoAOD holds it."""

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
    """What turns ``genWeight`` into a cross section.

    Attributes
    ----------
    cross_section, cross_section_error : float
        Of everything that was generated, pb; the error is statistical.
    sum_of_weights : float
        Of everything that was generated for the files, also of what the selection dropped.
    """

    cross_section: float
    cross_section_error: float
    sum_of_weights: float

    @property
    def pb_per_weight(self) -> float:
        """Cross section of ``genWeight`` 1: events expected are this times their weights times the luminosity."""
        return self.cross_section / self.sum_of_weights


def sum_of_weights(file: Any) -> float | None:
    """Sum of the weights of everything that was generated for an open file, or None if it does not store that.

    Parameters
    ----------
    file : uproot.ReadOnlyDirectory
        A file of NanoAOD: what its ``Runs/genEventSumw`` counts, a skim keeps.
    """
    if "Runs" not in file or _SUM not in file["Runs"]:
        return None
    return float(file["Runs"][_SUM].array(library="np").sum())


def total_weights(files: Iterable[str | Path]) -> float:
    """Sum of the weights of everything that was generated for several files.

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
    """Read the normalisation of files of one process, which together stand for its cross section.

    Parameters
    ----------
    files : iterable of path-like
        Files of ``coffea-fm simulate hh4b``, all of them of one process.

    Raises
    ------
    InputError
        If there is no file, one has no cross section, or they differ in it: they are of several processes or settings.
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
        raise InputError("there are no files to read a cross section from: give those of one process")
    if len(sections) > 1:
        raise InputError(
            f"the files have {len(sections)} different cross sections: they are of several processes or settings; "
            "read those of one process at a time"
        )
    return Normalisation(*sections.pop(), total_weights(paths))
