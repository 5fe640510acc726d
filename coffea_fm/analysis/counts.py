"""Inputs of the fit besides histograms: luminosity, cross sections, and the processed part of each dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from coffea_fm.analysis.sample import Kind
from coffea_fm.config import Config, config_error
from coffea_fm.errors import InputError
from coffea_fm.untrusted.json_text import MOST_BYTES, parse_json
from coffea_fm.untrusted.local_files import read_file

FILE = "cutflow.json"
_COMPLETE = 1 - 1e-6


class Processed(Config):
    """The processed part of a dataset.

    Parameters
    ----------
    kind : {"simulation", "pseudo-data", "data"}
        Kind of the sample.
    events : int
        Events read from files, before any selection.
    sum_of_weights : float
        Sum of all weights generated for these events, used to normalise simulation. For data, the number of events.
    share : float, optional
        Processed fraction of the generated weights in the fileset (for data, of the events). None if unknown.
    luminosity : float, optional
        Luminosity of all files of a data dataset, fb⁻¹, if the fileset has it.
    from_events : bool
        Whether some files do not store the generated sum of weights, so that the weights of their events are summed.
    """

    kind: Kind
    events: int
    sum_of_weights: float
    share: float | None = None
    luminosity: float | None = None
    from_events: bool = False

    def notes(self, dataset: str) -> list[str]:
        """Warnings about an incomplete dataset, one sentence each."""
        notes = []
        if self.share is not None and self.share < _COMPLETE:
            if self.kind == "data":
                full = f"the {self.luminosity:g} fb^-1" if self.luminosity else "that"
                notes.append(
                    f"processed {100 * self.share:.3g}% of the events of {dataset}: its luminosity is not {full} of the full list"
                )
            else:
                notes.append(
                    f"processed {100 * self.share:.3g}% of the generated events of {dataset}, to which its histograms are "
                    "normalised"
                )
        if self.from_events:
            notes.append(
                f"files of {dataset} do not store the sum of generated weights: its histograms are normalised to the "
                "events in them, which overestimates the yields if events were removed earlier"
            )
        return notes


class Counts(Config):
    """The part of ``cutflow.json`` that the fit uses; other keys are ignored.

    Parameters
    ----------
    luminosity : frozenset of float
        Luminosity that simulation is normalised to, fb⁻¹. One value, unless there are only data, or runs disagree.
    cross_section, mass : dict of str to frozenset of float
        By process, pb and GeV. One value each, unless datasets disagree. Only signals have a mass.
    processed : dict of str to Processed
        By dataset.
    """

    model_config = ConfigDict(extra="ignore")

    luminosity: frozenset[float] = frozenset()
    cross_section: dict[str, frozenset[float]] = {}
    mass: dict[str, frozenset[float]] = {}
    processed: dict[str, Processed] = {}

    @classmethod
    def read(cls, folder: Path) -> Counts:
        """Read from the folder of a run.

        Raises
        ------
        InputError
            If the file is missing or invalid.
        """
        path = folder / FILE
        try:
            return cls.model_validate(parse_json(read_file(path, MOST_BYTES)))
        except ValidationError as error:
            raise InputError(f"{path} is not written by coffea-fm run: {config_error(error, cls)}") from error
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {path}, which coffea-fm run writes: {error}") from error

    def __add__(self, other: Counts) -> Counts:
        """Combine two runs over different datasets."""
        return Counts(
            luminosity=self.luminosity | other.luminosity,
            cross_section=_union(self.cross_section, other.cross_section),
            mass=_union(self.mass, other.mass),
            processed={**self.processed, **other.processed},
        )

    def notes(self) -> list[str]:
        """Warnings about incomplete datasets, one sentence each."""
        return [note for dataset, processed in self.processed.items() for note in processed.notes(dataset)]


def _union(*parts: dict[str, frozenset[float]]) -> dict[str, frozenset[float]]:
    names: Iterable[str] = dict.fromkeys(name for part in parts for name in part)
    return {name: frozenset[float]().union(*(part.get(name, ()) for part in parts)) for name in names}
