"""X -> HH -> 4b in events with two large jets or four small ones: from a fileset to the histograms of the limit.

coffea-fm fileset samples/hh4b --output hh4b.json
coffea-fm run hh4b hh4b.json --option jets=exports/jet-classifier-small --output analysed
coffea-fm limit analysed --signal X1000 --output limit

With a folder it writes the selected events instead, to train an event head on:

coffea-fm collect hh4b.json --processor hh4b --option jets=exports/jet-classifier-small --output data/hh4b
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC
from hh4b_parts import boosted, resolved
from hh4b_parts.chunk import Chunk
from hh4b_parts.corrections import SHIPPED, Corrections
from hh4b_parts.objects import OBJECT_VARIATIONS, Jets, select_jets
from hh4b_parts.options import medium_and_tight, number
from hh4b_parts.sample import NOMINAL, Sample
from hh4b_parts.taggers import EventTagger, JetTagger, large_jet_tagger, small_jet_tagger

import coffea_fm
from coffea_fm import EventCollector
from coffea_fm.analysis.folds import folds


class HH4b(ProcessorABC):  # type: ignore[misc]
    """Select, tag and histogram boosted and resolved pairs of H -> bb.

    Parameters
    ----------
    jets : str
        Bundle for the large jets, with classes ``Hbb`` and ``QCD``.
    flavour : str
        Bundle for the small jets, with classes ``b``, ``c`` and ``light``; without it there is no resolved category.
    event : str or sequence of str
        Bundle of the event discriminant, or one for each fold by event number. Without it, the mass of the first jet.
    corrections : str
        File of correctionlib with jet energies and scale factors.
    uncalibrated : bool
        Go on without scale factors of the taggers.
    luminosity : float
        fb⁻¹, for simulated events.
    first_txbb : float
        Cut on TXbb of the first jet.
    txbb : sequence of float
        Medium and tight cut on TXbb of the second jet.
    event_cut : float
        Where the event discriminant is high. The default is for the mass: within 20 GeV of the Higgs boson's.
    b_tag : float
        Cut on the score of a tagged small jet.
    unblind : bool
        Fill the signal regions with data, too.
    folder : str
        Write the events with two large jets there, one shard a chunk, instead of filling histograms.
    """

    def __init__(
        self,
        jets: str,
        flavour: str = "",
        event: str | Sequence[str] = (),
        corrections: str = str(SHIPPED),
        uncalibrated: bool = False,
        luminosity: float = 138.0,
        first_txbb: float = 0.8,
        txbb: Sequence[float] = (0.8, 0.98),
        event_cut: float = 0.84,
        b_tag: float = 0.7,
        unblind: bool = False,
        folder: str = "",
    ) -> None:
        self.corrections = Corrections.read(corrections)
        calibration = None if uncalibrated else self.corrections
        self.large = large_jet_tagger(jets, calibration)
        self.small = small_jet_tagger(flavour, calibration) if flavour else None
        self.first_txbb, self.txbb = number("first_txbb", first_txbb), medium_and_tight("txbb", txbb)
        self.event_cut, self.b_tag = number("event_cut", event_cut), number("b_tag", b_tag)
        if calibration is not None:
            calibration.require_cuts(self.large.tagger, (self.first_txbb, *self.txbb))
            if self.small is not None:
                calibration.require_cuts(self.small.tagger, (self.b_tag,))
        self.event = EventTagger.load([event] if isinstance(event, str) else event)
        self.luminosity, self.unblind = number("luminosity", luminosity), unblind
        self.collector = coffea_fm.event_collector(folder, minimum=2) if folder else None

    def process(self, events: Any) -> dict[str, Any]:
        """Analyse one chunk of events."""
        sample = Sample.of(events.metadata)
        cutflow = Counter(events=len(events))
        if sample.drop_two_b:
            events = events[~events.genTwoB]
            cutflow["left_to_another_dataset"] = cutflow["events"] - len(events)
        chunk = Chunk(sample, sample.weights(events, self.luminosity), self.unblind, cutflow)
        varied = not sample.is_data and sample.variation == NOMINAL and self.collector is None
        variations = OBJECT_VARIATIONS if varied else (NOMINAL,)

        large, fold = self.large_jets(events, variations, cutflow), folds(events)
        if self.collector is not None:
            return self.collect(self.collector, chunk, large.shifted(NOMINAL), events)
        small = self.small_jets(self.small, events, variations, cutflow) if self.small else None
        for variation in variations:
            is_boosted = self.fill_boosted(chunk, large.shifted(variation), fold, variation)
            if self.small is not None and small is not None:
                self.fill_resolved(self.small, chunk, small.shifted(variation), ~is_boosted, variation)
        return chunk.output(events.metadata["dataset"], self.luminosity)

    def large_jets(self, events: Any, variations: Sequence[str], cutflow: Counter[str]) -> Jets:
        """Large jets that any variation selects, tagged and embedded once, in events that can be boosted."""
        jets = select_jets(events, "FatJet", self.corrections, variations, boosted.MIN_PT, boosted.MAX_ETA)
        tagged = self.large.tag(jets.in_events_with(2), cutflow)
        tagged = tagged.in_events_with_any(tagged.stored.txbb > self.first_txbb)
        return self.event.embed(tagged, folds(events), cutflow) if self.event else tagged

    def small_jets(self, tagger: JetTagger, events: Any, variations: Sequence[str], cutflow: Counter[str]) -> Jets:
        """Small jets that any variation selects, tagged once, in events that can be resolved."""
        jets = select_jets(events, "Jet", self.corrections, variations, resolved.MIN_PT, resolved.MAX_ETA)
        return tagger.tag(jets.in_events_with(4), cutflow)

    def fill_boosted(
        self, chunk: Chunk, jets: Any, fold: npt.NDArray[np.int64], variation: str
    ) -> npt.NDArray[np.bool_]:
        """Fill the boosted category with the jets of one variation; gives which events are in it."""
        pair = boosted.select_boosted(jets, self.first_txbb)
        discriminant = self.event.score(jets, fold) if self.event else pair.mass_discriminant()
        selected = pair.selected & np.isfinite(discriminant)
        region = pair.regions(self.txbb, discriminant, self.event_cut)
        values = {"mass": pair.second_mass, "discriminant": discriminant}
        chunk.fill("boosted", variation, selected, region, values, chunk.scale_factors(self.large, pair.jets))
        return selected

    def fill_resolved(
        self, tagger: JetTagger, chunk: Chunk, jets: Any, allowed: npt.NDArray[np.bool_], variation: str
    ) -> None:
        """Fill the resolved category with the jets of one variation, in events that are not boosted."""
        pair = resolved.select_resolved(jets, self.b_tag)
        factors = chunk.scale_factors(tagger, pair.jets)
        chunk.fill("resolved", variation, pair.selected & allowed, pair.regions(), {"mass": pair.pair_mass}, factors)

    def collect(self, collector: EventCollector, chunk: Chunk, jets: Any, events: Any) -> dict[str, Any]:
        """Write the boosted events of one chunk: jets with constituents, class, weight, fold and what a study sorts by."""
        pair = boosted.select_boosted(jets, self.first_txbb)
        numbers = {name: getattr(pair, name) for name in ("first_txbb", "second_txbb", "first_mass", "second_mass")}
        target = np.where(pair.selected & (not chunk.sample.is_data), int(chunk.sample.signal), -1)
        columns = {"fold": folds(events), **{name: np.nan_to_num(value, nan=-1.0) for name, value in numbers.items()}}
        counts = collector(jets, target, events=events, weight=chunk.weights, columns=columns)
        chunk.cutflow.update({f"collected_{name}": number for name, number in counts.items()})
        return {"cutflow": {events.metadata["dataset"]: dict(chunk.cutflow)}}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do at the end."""
