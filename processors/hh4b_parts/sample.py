"""What the fileset says of a dataset, and the weights of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError, RecipeError

Kind = Literal["simulation", "pseudo-data", "data"]
KINDS = ("simulation", "pseudo-data", "data")
NOMINAL = "nominal"
DATA = "data"
_PB_PER_FB = 1e-3


@dataclass(frozen=True)
class Sample:
    """A dataset, as the metadata of the fileset describe it; ``coffea-fm fileset`` writes them.

    Parameters
    ----------
    process : str
        Name in the histograms; several datasets may share one.
    kind : "simulation", "pseudo-data" or "data"
        Pseudo-data are simulated events that stand for data: weighted, but blinded and without variations.
    pb_per_weight : float
        Cross section of ``genWeight`` 1; without use for data.
    cross_section : float
        Of the whole process, pb: for a signal that of mu = 1.
    signal : bool
        Whether the events are signal to learn from.
    variation : str
        Under which its events are filled: ``nominal``, with all variations of objects and weights; another name for
        a sample that is itself a variation, such as another tune.
    drop_two_b : bool
        Whether another dataset stands for the events with two b quarks.
    """

    process: str
    kind: Kind = "simulation"
    pb_per_weight: float = 0.0
    cross_section: float = 0.0
    signal: bool = False
    variation: str = NOMINAL
    drop_two_b: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Sample:
        """The sample that a chunk of events belongs to.

        Raises
        ------
        RecipeError
            If the fileset does not say what the weights need.
        """
        dataset = metadata["dataset"]
        given = {name: metadata[name] for name in cls.__dataclass_fields__ if name in metadata}
        sample = cls(**{"process": dataset, **given})
        if sample.kind not in KINDS:
            raise RecipeError(f"dataset {dataset!r} is of kind {sample.kind!r}: choose one of {', '.join(KINDS)}")
        if sample.kind != DATA and not sample.pb_per_weight > 0:
            raise RecipeError(
                f"dataset {dataset!r} has no pb_per_weight in its metadata, which turns its weights into events: "
                "write the fileset with coffea-fm fileset, or mark it as data with kind: data"
            )
        return sample

    @property
    def is_data(self) -> bool:
        """Whether the events are blinded: data, and what stands for them."""
        return self.kind != "simulation"

    @property
    def label(self) -> str:
        """Name in the histograms."""
        return DATA if self.is_data else self.process

    def weights(self, events: ak.Array, luminosity: float) -> npt.NDArray[np.float64]:
        """Events expected for each event; float64 [n_events].

        Parameters
        ----------
        events : awkward.Array
            With ``genWeight``, unless they are data.
        luminosity : float
            fb⁻¹

        Raises
        ------
        InputError
            If a weight is not finite: without it the normalisation would be wrong, and with it everything.
        """
        if self.kind == DATA:
            return np.ones(len(events))
        generated = ak.to_numpy(events.genWeight).astype(np.float64)
        lost = int(np.sum(~np.isfinite(generated)))
        if lost:
            raise InputError(
                f"genWeight is not a finite number in {lost} of {len(events)} events of dataset "
                f"{events.metadata['dataset']!r}: their file cannot be normalised, make or copy it again"
            )
        return np.asarray(generated * self.pb_per_weight / _PB_PER_FB * luminosity)
