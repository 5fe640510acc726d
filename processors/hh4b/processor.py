"""The processor of the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from coffea.processor import ProcessorABC

import coffea_fm
from coffea_fm import Collector
from coffea_fm.analysis.chunk import Chunk
from coffea_fm.analysis.corrections import Corrections
from coffea_fm.analysis.folds import folds
from coffea_fm.analysis.processed import normalise
from coffea_fm.analysis.regions import NOMINAL
from coffea_fm.analysis.variations import JET_VARIATIONS, Jets, select_jets
from coffea_fm.arrays import BoolArray, IntArray

from . import boosted, resolved
from .histograms import BLINDED, HIGHEST_DISCRIMINANT, HISTOGRAMS
from .options import medium_and_tight, number
from .taggers import EventTagger, JetTagger, large_r_tagger, small_r_tagger

CORRECTIONS = Path(__file__).with_name("corrections.json")
"""For coffea-fm's simulation only, not for an experiment; derived by `hh4b.derive`."""


class HH4b(ProcessorABC):  # type: ignore[misc]
    """Select, tag and histogram boosted and resolved pairs of H -> bb.

    Parameters
    ----------
    jets : str
        Bundle for the large-R jets, with classes ``Hbb`` and ``QCD``.
    flavour : str
        Bundle for the small-R jets, with classes ``b``, ``c`` and ``light``; without it, there is no resolved category.
    event : str or sequence of str
        Bundle of the event discriminant, or one per fold. By default the mass of the first jet is used.
    corrections : str
        correctionlib file with jet energy corrections and scale factors.
    uncalibrated : bool
        Run without scale factors of the taggers.
    luminosity : float
        fb⁻¹, for simulated events.
    first_txbb : float
        Cut on TXbb of the first jet.
    txbb : sequence of float
        Medium and tight cut on TXbb of the second jet.
    event_cut : float
        Cut above which the event discriminant is high. The default is for the mass: within 20 GeV of the Higgs boson.
    b_tag : float
        Cut on the score of a tagged small-R jet.
    unblind : bool
        Also fill the signal regions with data.
    folder : str
        Write the events with two large-R jets to this folder, one shard per chunk, instead of filling histograms.
    """

    def __init__(
        self,
        jets: str,
        flavour: str = "",
        event: str | Sequence[str] = (),
        corrections: str = str(CORRECTIONS),
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
        self.large_r = large_r_tagger(jets, calibration)
        self.small_r = small_r_tagger(flavour, calibration) if flavour else None
        self.taggers = {"FatJet": self.large_r.tagger}
        if self.small_r is not None:
            self.taggers["Jet"] = self.small_r.tagger
        self.first_txbb, self.txbb = number("first_txbb", first_txbb), medium_and_tight("txbb", txbb)
        self.event_cut, self.b_tag = number("event_cut", event_cut), number("b_tag", b_tag)
        if calibration is not None:
            calibration.require_cuts(self.large_r.tagger, (self.first_txbb, *self.txbb))
            if self.small_r is not None:
                calibration.require_cuts(self.small_r.tagger, (self.b_tag,))
        self.event = EventTagger.load([event] if isinstance(event, str) else event)
        self.luminosity, self.blinded = number("luminosity", luminosity), () if unblind else BLINDED
        self.collector = coffea_fm.event_collector(folder, minimum=2) if folder else None

    def process(self, events: Any) -> dict[str, Any]:
        """Analyse one chunk of events."""
        chunk = Chunk(events, HISTOGRAMS, self.blinded)
        fold = folds(chunk.events)
        if self.collector is not None:
            return self.collect(
                self.collector, chunk, self.large_r_jets(chunk, fold, (NOMINAL,)).shifted(NOMINAL), fold
            )
        variations = JET_VARIATIONS if chunk.sample.fills_nominal else (NOMINAL,)
        large_r = self.large_r_jets(chunk, fold, variations)
        small_r = self.small_r_jets(self.small_r, chunk, variations) if self.small_r else None
        for variation in variations:
            is_boosted = self.fill_boosted(chunk, large_r.shifted(variation), fold, variation)
            if self.small_r is not None and small_r is not None:
                self.fill_resolved(self.small_r, chunk, small_r.shifted(variation), ~is_boosted, variation)
        return chunk.output()

    def large_r_jets(self, chunk: Chunk, fold: IntArray, variations: Sequence[str]) -> Jets:
        """Large-R jets selected in any variation, tagged and embedded once, in events that can be boosted."""
        jets = select_jets(chunk.events, "FatJet", self.corrections, variations, boosted.MIN_PT, boosted.MAX_ETA)
        tagged = self.large_r.tag(jets.in_events_with(2), chunk.cutflow)
        tagged = tagged.in_events_with_any(tagged.stored.txbb > self.first_txbb)
        return self.event.embed(tagged, fold, chunk.cutflow) if self.event else tagged

    def small_r_jets(self, tagger: JetTagger, chunk: Chunk, variations: Sequence[str]) -> Jets:
        """Small-R jets selected in any variation, tagged once, in events that can be resolved."""
        jets = select_jets(chunk.events, "Jet", self.corrections, variations, resolved.MIN_PT, resolved.MAX_ETA)
        return tagger.tag(jets.in_events_with(4), chunk.cutflow)

    def fill_boosted(self, chunk: Chunk, jets: Any, fold: IntArray, variation: str) -> BoolArray:
        """Fill the boosted category with the jets of one variation; returns a mask of its events."""
        pair = boosted.select_boosted(jets, self.first_txbb)
        discriminant = self.event.score(jets, fold) if self.event else pair.mass_discriminant()
        selected = pair.selected & np.isfinite(discriminant)
        region = pair.regions(self.txbb, discriminant, self.event_cut)
        values = {"mass": pair.second_mass, "discriminant": np.minimum(discriminant, HIGHEST_DISCRIMINANT)}
        chunk.fill("boosted", variation, selected, region, values, chunk.scale_factors(self.large_r, pair.jets))
        return selected

    def fill_resolved(self, tagger: JetTagger, chunk: Chunk, jets: Any, allowed: BoolArray, variation: str) -> None:
        """Fill the resolved category with the jets of one variation, in events that are not boosted."""
        pair = resolved.select_resolved(jets, self.b_tag)
        factors = chunk.scale_factors(tagger, pair.jets)
        chunk.fill("resolved", variation, pair.selected & allowed, pair.regions(), {"mass": pair.pair_mass}, factors)

    def collect(self, collector: Collector, chunk: Chunk, jets: Any, fold: IntArray) -> dict[str, Any]:
        """Write the boosted events of one chunk: jets with constituents, class, weight, fold and other columns."""
        pair = boosted.select_boosted(jets, self.first_txbb)
        numbers = {name: getattr(pair, name) for name in ("first_txbb", "second_txbb", "first_mass", "second_mass")}
        target = np.where(pair.selected & (not chunk.sample.is_data), int(chunk.sample.signal), -1)
        columns = {"fold": fold, **{name: np.nan_to_num(value, nan=-1.0) for name, value in numbers.items()}}
        weight = chunk.weights * chunk.sample.events_per_weight(self.luminosity)
        counts = collector(jets, target, events=chunk.events, weight=weight, columns=columns)
        chunk.cutflow.update({f"collected_{name}": number for name, number in counts.items()})
        return chunk.account()

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Normalise simulation to the processed events, and sum the datasets of each process."""
        return normalise(accumulator, self.luminosity)
