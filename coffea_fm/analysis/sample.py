"""The metadata of a dataset in a fileset, and the generator weights of its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import awkward as ak
import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from coffea_fm.analysis.regions import DATA, NOMINAL
from coffea_fm.arrays import DoubleArray
from coffea_fm.config import Config, config_error
from coffea_fm.errors import InputError, RecipeError

Kind = Literal["simulation", "pseudo-data", "data"]
Positive = Annotated[float, Field(gt=0)]
_FB_PER_PB = 1e3


class Sample(Config):
    """A dataset, described by its metadata in the fileset, as written by ``coffea-fm fileset``.

    Parameters
    ----------
    dataset : str
        Name in the fileset.
    process : str
        Name in the histograms, which several datasets may share; by default the name of the dataset.
    kind : {"simulation", "pseudo-data", "data"}
        Pseudo-data are simulated events used as data: weighted, but blinded and without variations.
    cross_section : float, optional
        Total generated cross section, pb; for a signal that at mu = 1. Required for simulation and pseudo-data.
    sum_of_weights : float, optional
        Sum of all weights generated for all files of the dataset, to compute which fraction a run processed.
    events : int, optional
        Number of events in all files of the dataset; for data, to compute which fraction a run processed.
    luminosity : float, optional
        Luminosity of all files of a data dataset, fb⁻¹.
    signal : bool
        Whether the events are signal.
    mass : float, optional
        Mass of the resonance of a signal, GeV.
    variation : str
        Variation that the events are filled as: ``nominal``, with all variations of objects and weights, or another name
        for a sample that is itself a variation, such as another tune.
    drop : str
        Name of a boolean field that is true for events covered by another dataset.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    dataset: str
    process: str = Field(min_length=1)
    kind: Kind = "simulation"
    cross_section: Positive | None = None
    sum_of_weights: Positive | None = None
    events: Annotated[int, Field(ge=0)] | None = None
    luminosity: Positive | None = None
    signal: bool = False
    mass: Positive | None = None
    variation: str = NOMINAL
    drop: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Sample:
        """Return the sample of a chunk of events.

        Parameters
        ----------
        metadata : mapping
            ``events.metadata``: the metadata of the dataset in the fileset, with the name of the dataset. Other keys are
            ignored.

        Raises
        ------
        RecipeError
            If a value is invalid, or simulation has no cross section.
        """
        dataset = str(metadata["dataset"])
        given = {name: metadata[name] for name in cls.model_fields if name in metadata}
        try:
            sample = cls.model_validate({"process": dataset, **given})
        except ValidationError as error:
            raise RecipeError(f"the metadata of dataset {dataset!r}: {config_error(error, cls)}") from error
        if sample.kind != "data" and sample.cross_section is None:
            raise RecipeError(
                f"dataset {dataset!r} has no cross_section in its metadata, which is needed to normalise its weights: "
                "write the fileset with coffea-fm fileset, or mark it as data with kind: data"
            )
        return sample

    @property
    def is_data(self) -> bool:
        """Whether the events are data or pseudo-data, which are blinded."""
        return self.kind != "simulation"

    @property
    def fills_nominal(self) -> bool:
        """Whether the events are nominal simulation, which is filled for all variations."""
        return not self.is_data and self.variation == NOMINAL

    @property
    def label(self) -> str:
        """Name in the histograms."""
        return DATA if self.is_data else self.process

    @property
    def generated_by_event(self) -> float | None:
        """Generated weights per stored event, if the fileset has both sums."""
        return self.sum_of_weights / self.events if self.sum_of_weights and self.events else None

    def generator_weights(self, events: ak.Array) -> DoubleArray:
        """``genWeight`` of each event, 1 for data; float64 [n_events].

        Raises
        ------
        InputError
            If a weight is not finite, because the sum of weights would not be finite either.
        """
        if self.kind == "data":
            return np.ones(len(events))
        weights = np.asarray(ak.to_numpy(events.genWeight), np.float64)
        bad = int(np.sum(~np.isfinite(weights)))
        if bad:
            raise InputError(
                f"genWeight is not a finite number in {bad} of {len(events)} events of dataset {self.dataset!r}: "
                "the file cannot be normalised, create or copy it again"
            )
        return weights

    def events_per_weight(self, luminosity: float, sum_of_weights: float | None = None) -> float:
        """Expected events for a generator weight of 1; 1 for data.

        Parameters
        ----------
        luminosity : float
            fb⁻¹
        sum_of_weights : float, optional
            Sum of all weights generated for the events to scale; by default that of all files of the dataset, from the
            fileset.

        Raises
        ------
        RecipeError
            If it is not in the fileset.
        InputError
            If the sum of weights is not positive.
        """
        if self.kind == "data" or self.cross_section is None:
            return 1.0
        total = self.sum_of_weights if sum_of_weights is None else sum_of_weights
        if total is None:
            raise RecipeError(
                f"dataset {self.dataset!r} has no sum_of_weights in its metadata, which the weight of a single event "
                "needs: write the fileset with coffea-fm fileset"
            )
        if not total > 0:
            raise InputError(
                f"the generator weights of dataset {self.dataset!r} add up to {total:g}, so that it cannot be "
                "normalised to its cross section: process more of its events"
            )
        return self.cross_section * _FB_PER_PB * luminosity / total
