"""What one chunk of events fills: histograms by variation, blinded where they are to be, and the cutflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from hh4b_parts.boosted import BOOSTED_SIGNAL_REGIONS
from hh4b_parts.histograms import Histograms
from hh4b_parts.resolved import RESOLVED_SIGNAL_REGIONS
from hh4b_parts.sample import DATA, NOMINAL, Sample
from hh4b_parts.taggers import JetTagger

_BLINDED = (*BOOSTED_SIGNAL_REGIONS, *RESOLVED_SIGNAL_REGIONS)
Floats = npt.NDArray[np.float64]


@dataclass
class Chunk:
    """One chunk of events on its way through the analysis.

    Parameters
    ----------
    sample : Sample
        What it belongs to.
    weights : float64 [n_events]
        Events expected for each, without scale factors.
    unblind : bool
        Fill signal regions with data, too.
    cutflow : Counter
        Events and jets counted so far.
    """

    sample: Sample
    weights: Floats
    unblind: bool
    cutflow: Counter[str]
    histograms: Histograms = field(init=False)

    def __post_init__(self) -> None:
        self.histograms = Histograms(self.sample.label)
        self.cutflow.update(negative_weight=int(np.sum(self.weights < 0)), zero_weight=int(np.sum(self.weights == 0)))

    def scale_factors(self, tagger: JetTagger, jets: ak.Array) -> dict[str, dict[str, Floats]]:
        """Scale factors of simulated events, by tagger; none of data."""
        return {} if self.sample.kind == DATA else {tagger.name: tagger.weights(jets)}

    def fill(
        self,
        category: str,
        variation: str,
        selected: npt.NDArray[np.bool_],
        region: npt.NDArray[np.str_],
        values: Mapping[str, Floats],
        scale_factors: Mapping[str, Mapping[str, Floats]],
    ) -> None:
        """Fill the events of a category under a variation of the jets.

        Parameters
        ----------
        category : {"boosted", "resolved"}
            The histograms.
        variation : str
            Of the jets; under the nominal one, those of the scale factors are filled, too.
        selected : bool [n_events]
            Which events are in the category.
        region : str [n_events]
            Their regions.
        values : mapping of str to float64 [n_events]
            By histogram.
        scale_factors : mapping of str to mapping of str to float64 [n_events]
            By tagger, then by ``nominal``, ``up`` and ``down``.
        """
        if self.sample.is_data and not self.unblind:
            selected = selected & ~np.isin(region, _BLINDED)
        rows = np.flatnonzero(selected)
        weights = self._weights(variation, scale_factors)
        self.histograms.fill(
            category,
            region[rows],
            {name: value[rows] for name, value in values.items()},
            {name: weight[rows] for name, weight in weights.items()},
        )
        if variation == NOMINAL:
            self.cutflow[category] += len(rows)
            self.cutflow.update(
                {f"{category}_{name}": int(np.sum(region[rows] == name)) for name in np.unique(region[rows])}
            )

    def output(self, dataset: str, luminosity: float) -> dict[str, Any]:
        """What the processor returns of this chunk."""
        filled: dict[str, Any] = {**self.histograms.output(), "cutflow": {dataset: dict(self.cutflow)}}
        if self.sample.kind != DATA:
            filled["luminosity"] = {luminosity}
        if not self.sample.is_data and self.sample.variation == NOMINAL:
            filled["cross_section"] = {self.sample.process: {self.sample.cross_section}}
        return filled

    def _weights(self, variation: str, scale_factors: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
        """Weights by the variation that they are filled under."""
        if self.sample.kind == DATA:
            return {NOMINAL: self.weights}
        nominal = {tagger: factors[NOMINAL] for tagger, factors in scale_factors.items()}
        if variation != NOMINAL or self.sample.is_data or self.sample.variation != NOMINAL:
            return {self.sample.variation if variation == NOMINAL else variation: self._weighted(nominal)}
        shifted = {
            f"{tagger}_{direction}": self._weighted({**nominal, tagger: factors[direction]})
            for tagger, factors in scale_factors.items()
            for direction in ("up", "down")
            if direction in factors
        }
        return {NOMINAL: self._weighted(nominal), **shifted}

    def _weighted(self, factors: Mapping[str, Floats]) -> Floats:
        return np.asarray(np.prod([self.weights, *factors.values()], axis=0))
