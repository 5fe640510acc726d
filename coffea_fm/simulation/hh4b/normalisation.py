"""From event weights to cross sections: what the tree ``Runs`` of simulated files holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import uproot

from coffea_fm.errors import InputError


@dataclass(frozen=True)
class Normalisation:
    """What turns ``genWeight`` into a cross section.

    Attributes
    ----------
    cross_section, cross_section_error : float
        Of all that was tried, pb; the error is statistical.
    sum_of_weights : float
        Of all that was tried in the files, also of what the selection dropped.
    """

    cross_section: float
    cross_section_error: float
    sum_of_weights: float

    @property
    def pb_per_weight(self) -> float:
        """Cross section of ``genWeight`` 1: events expected are this times their weights times the luminosity."""
        return self.cross_section / self.sum_of_weights


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
    sections, total = set(), 0.0
    for path in files:
        with uproot.open(path) as file:
            if "Runs" not in file or "crossSection" not in file["Runs"]:
                raise InputError(f"{path} has no Runs/crossSection: it is no file of 'coffea-fm simulate hh4b'")
            runs = file["Runs"].arrays(["crossSection", "crossSectionError", "genEventSumw"], library="np")
        sections |= set(zip(runs["crossSection"].tolist(), runs["crossSectionError"].tolist(), strict=True))
        total += float(runs["genEventSumw"].sum())
    if not sections:
        raise InputError("there are no files to read a cross section from: give those of one process")
    if len(sections) > 1:
        raise InputError(
            f"the files have {len(sections)} different cross sections: they are of several processes or settings; "
            "read those of one process at a time"
        )
    return Normalisation(*sections.pop(), total)
