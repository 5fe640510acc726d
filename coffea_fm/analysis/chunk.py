"""One chunk of events on its way through an analysis: weights, histograms by variation, blinding, cutflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.analysis.processed import processed
from coffea_fm.analysis.regions import NOMINAL, region_histogram
from coffea_fm.analysis.sample import Sample
from coffea_fm.arrays import BoolArray, DoubleArray

ScaleFactors = Mapping[str, Mapping[str, DoubleArray]]
"""By tagger, then by ``nominal``, ``up`` and ``down``; float64 [n_events]."""
Regions = npt.NDArray[np.str_]


class Calibrated(Protocol):
    """A tagger with scale factors."""

    @property
    def name(self) -> str:
        """Name of the variation of its scale factors."""

    def weights(self, jets: ak.Array) -> dict[str, DoubleArray]:
        """Event scale factors by ``nominal``, ``up`` and ``down``; float64 [n_events]."""


class Chunk:
    """A chunk of events, with the histograms filled from it.

    Parameters
    ----------
    events : awkward.Array
        Events as passed to a processor, before any selection.
    histograms : mapping of str to (sequence of str, hist.axis)
        Regions and axis of each histogram, by ``category/quantity``.
    blinded : collection of str
        Regions that are not filled with data or pseudo-data.

    Attributes
    ----------
    sample : Sample
        Sample of the events.
    events : awkward.Array
        Events, without those covered by another dataset.
    weights : float64 [n_events]
        Generator weights; `coffea_fm.analysis.processed.normalise` converts them to expected events when a run ends.
    cutflow : Counter
        Events and jets counted so far.
    """

    def __init__(
        self, events: Any, histograms: Mapping[str, tuple[Sequence[str], Any]], blinded: Collection[str] = ()
    ) -> None:
        self.sample = Sample.of(events.metadata)
        self._processed = processed(self.sample, events)
        self.cutflow = Counter(events=len(events))
        if self.sample.drop:
            events = events[~events[self.sample.drop]]
            self.cutflow["left_to_another_dataset"] = self.cutflow["events"] - len(events)
        self.events = events
        self.weights = self.sample.generator_weights(events)
        self.cutflow.update(negative_weight=int(np.sum(self.weights < 0)), zero_weight=int(np.sum(self.weights == 0)))
        self.histograms = {name: region_histogram(*axes) for name, axes in histograms.items()}
        self._blinded = list(blinded) if self.sample.is_data else []

    def scale_factors(self, tagger: Calibrated, jets: ak.Array) -> dict[str, dict[str, DoubleArray]]:
        """Scale factors of a tagger for simulated events; none for data."""
        return {} if self.sample.kind == "data" else {tagger.name: tagger.weights(jets)}

    def fill(
        self,
        category: str,
        variation: str,
        selected: BoolArray,
        region: Regions,
        values: Mapping[str, DoubleArray],
        scale_factors: ScaleFactors,
    ) -> None:
        """Fill the events of a category for a variation of the jets.

        Parameters
        ----------
        category : str
            First part of the histograms' names.
        variation : str
            Variation of the jets. For the nominal one, the variations of the scale factors are filled as well.
        selected : bool [n_events]
            Which events are in the category.
        region : str [n_events]
            Their regions.
        values : mapping of str to float64 [n_events]
            By the second part of the histograms' names.
        scale_factors : mapping of str to mapping of str to float64 [n_events]
            By tagger, then by ``nominal``, ``up`` and ``down``.
        """
        rows = np.flatnonzero(selected & ~np.isin(region, self._blinded))
        regions, weights = region[rows], self._weights(variation, scale_factors)
        for quantity, value in values.items():
            histogram = self.histograms[f"{category}/{quantity}"]
            for name, weight in weights.items():
                histogram.fill(self.sample.label, name, regions.tolist(), value[rows], weight=weight[rows])
        if variation == NOMINAL:
            self.cutflow[category] += len(rows)
            names, counts = np.unique(regions, return_counts=True)
            self.cutflow.update({f"{category}_{name}": int(count) for name, count in zip(names, counts, strict=True)})

    def output(self) -> dict[str, Any]:
        """Output of a processor for this chunk; `coffea_fm.analysis.processed.normalise` takes the sum over chunks."""
        nested: dict[str, dict[str, Any]] = {}
        for name, histogram in self.histograms.items():
            category, _, quantity = name.partition("/")
            nested.setdefault(category, {})[quantity] = histogram
        return {"histograms": {self.sample.dataset: nested}, **self.account()}

    def account(self) -> dict[str, Any]:
        """The output without histograms."""
        account = {"cutflow": dict(self.cutflow), "samples": {self.sample}, "processed": self._processed}
        return {what: {self.sample.dataset: of_dataset} for what, of_dataset in account.items()}

    def _weights(self, variation: str, scale_factors: ScaleFactors) -> dict[str, DoubleArray]:
        """Weights by variation."""
        nominal = {tagger: factors[NOMINAL] for tagger, factors in scale_factors.items()}
        if variation != NOMINAL or not self.sample.fills_nominal:
            return {self.sample.variation if variation == NOMINAL else variation: self._weighted(nominal)}
        shifted = {
            f"{tagger}_{direction}": self._weighted({**nominal, tagger: factors[direction]})
            for tagger, factors in scale_factors.items()
            for direction in ("up", "down")
            if direction in factors
        }
        return {NOMINAL: self._weighted(nominal), **shifted}

    def _weighted(self, factors: Mapping[str, DoubleArray]) -> DoubleArray:
        return np.asarray(np.prod([self.weights, *factors.values()], axis=0))
