"""What a run hands to the fit beside histograms: luminosity, cross sections, and how much of each dataset was processed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from coffea_fm.analysis.sample import Kind
from coffea_fm.config import Config, config_error
from coffea_fm.errors import InputError

FILE = "cutflow.json"
_COMPLETE = 1 - 1e-6


class Processed(Config):
    """How much of a dataset a run processed.

    Parameters
    ----------
    kind : {"simulation", "pseudo-data", "data"}
        Of the sample.
    events : int
        Events read from files, before any selection.
    sum_of_weights : float
        Of everything that was generated for these events; simulation is normalised to it. For data, their number.
    share : float, optional
        Of what the fileset lists: of the generated weights, for data of the events. None if the fileset does not say.
    luminosity : float, optional
        Of all files of a dataset of data, fb⁻¹, if the fileset gives it.
    from_events : bool
        Whether some of the files do not store what was generated, so that it is the sum of the weights in them.
    """

    kind: Kind
    events: int
    sum_of_weights: float
    share: float | None = None
    luminosity: float | None = None
    from_events: bool = False

    def notes(self, dataset: str) -> list[str]:
        """What a person must know of a dataset that is incomplete, one sentence each."""
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
                "events in them, which gives too much if events were dropped when they were made"
            )
        return notes


class Counts(Config):
    """What ``cutflow.json`` of a run holds for the fit; further keys are ignored.

    Parameters
    ----------
    luminosity : frozenset of float
        fb⁻¹ that simulation is normalised to: one, unless there are only data, or runs disagree.
    cross_section, mass : dict of str to frozenset of float
        By process, pb and GeV: one each, unless datasets disagree. Only signals have a mass.
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
        """Read them from the folder of a run.

        Raises
        ------
        InputError
            If the file is missing or does not hold them.
        """
        path = folder / FILE
        try:
            return cls.model_validate(json.loads(path.read_text()))
        except ValidationError as error:
            raise InputError(f"{path} is not what coffea-fm run writes: {config_error(error, cls)}") from error
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {path}, which coffea-fm run writes: {error}") from error

    def __add__(self, other: Counts) -> Counts:
        """Those of two runs over other datasets each."""
        return Counts(
            luminosity=self.luminosity | other.luminosity,
            cross_section=_union(self.cross_section, other.cross_section),
            mass=_union(self.mass, other.mass),
            processed={**self.processed, **other.processed},
        )

    def notes(self) -> list[str]:
        """What a person must know of datasets that are incomplete, one sentence each."""
        return [note for dataset, processed in self.processed.items() for note in processed.notes(dataset)]


def _union(*parts: dict[str, frozenset[float]]) -> dict[str, frozenset[float]]:
    names: Iterable[str] = dict.fromkeys(name for part in parts for name in part)
    return {name: frozenset[float]().union(*(part.get(name, ()) for part in parts)) for name in names}
