"""Bundles of the analysis: each backbone runs once over the jets selected in any variation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

import coffea_fm
from coffea_fm.analysis.corrections import Corrections
from coffea_fm.analysis.event_weights import event_weights
from coffea_fm.analysis.folds import by_fold, in_order, require_folds
from coffea_fm.analysis.variations import Jets
from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.inference.discriminants import discriminant
from coffea_fm.inference.tagger import Tagger


@dataclass(frozen=True)
class JetTagger:
    """Discriminant of one class of jets against others, ``signal / (signal + background)``.

    Parameters
    ----------
    name : str
        Field of the jets for the discriminant, and name of the variation of its scale factors.
    tagger : Tagger
        The bundle.
    background : tuple of str
        Background classes.
    signal : str
        Signal class.
    truth : tuple of (str, int)
        Field and value that mark simulated jets as signal, which get scale factors.
    corrections : Corrections, optional
        Scale factors, if any.
    """

    name: str
    tagger: Tagger
    signal: str
    background: tuple[str, ...]
    truth: tuple[str, int]
    corrections: Corrections | None

    def __post_init__(self) -> None:
        missing = [name for name in (self.signal, *self.background) if name not in self.tagger.classes]
        if missing:
            raise RecipeError(
                f"the bundle {self.tagger.manifest.name!r} has no class {missing[0]!r} for {self.name}: its classes are "
                f"{', '.join(self.tagger.classes)}; is it a bundle for these jets?"
            )
        if self.corrections is not None:
            self.corrections.require(self.tagger)

    def tag(self, jets: Jets, cutflow: Counter[str]) -> Jets:
        """Add the discriminant as a field, NaN for jets that cannot be scored, and count such jets."""
        scores = self.tagger(jets.stored)
        _count(cutflow, self.name, scores)
        return jets.with_field(self.discriminant(scores), self.name)

    def discriminant(self, scores: ak.Array) -> ak.Array:
        """``signal / (signal + background)`` of scores."""
        return self.tagger.discriminant(scores, self.signal, self.background)

    def weights(self, jets: ak.Array) -> dict[str, DoubleArray]:
        """Event scale factors by systematic: ``nominal``, ``up`` and ``down``, float64 [n_events]."""
        if self.corrections is None:
            return {"nominal": np.ones(len(jets))}
        field, value = self.truth
        if field not in jets.fields:
            raise InputError(
                f"these simulated jets have no {field!r}, which selects the scale factors of {self.name}: run without "
                "scale factors with the option uncalibrated=true, or mark the dataset as data with kind: data"
            )
        real = jets[jets[field] == value]
        factors = self.tagger.scale_factors(real, self.corrections, discriminant=real[self.name])
        weights = event_weights(factors)
        return {name: ak.to_numpy(weights[name]) for name in weights.fields}


@dataclass(frozen=True)
class EventTagger:
    """The event discriminant of event bundles: one for all events, or one per fold.

    Parameters
    ----------
    taggers : tuple of Tagger
        None, one, or one per fold.
    signal, background : str
        Their classes.
    """

    taggers: tuple[Tagger, ...]
    signal: str = "signal"
    background: str = "background"

    @classmethod
    def load(cls, bundles: Sequence[str]) -> EventTagger:
        """Load the bundles of the folds, in order."""
        if bundles:
            require_folds(len(bundles))
        taggers = tuple(coffea_fm.load(bundle) for bundle in bundles)
        for tagger in taggers:
            level = tagger.manifest.level.name
            if level != "event" or not {cls.signal, cls.background} <= set(tagger.classes):
                raise RecipeError(
                    f"the bundle {tagger.manifest.name!r} of the option event does not separate events of {cls.signal} from "
                    f"{cls.background}: it scores {', '.join(tagger.classes)} of {level}s"
                )
        return cls(taggers)

    def __bool__(self) -> bool:
        return bool(self.taggers)

    def embed(self, jets: Jets, fold: IntArray, cutflow: Counter[str]) -> Jets:
        """Add the embedding as a field. The backbone runs only here, for any number of variations."""
        parts = by_fold([tagger.embed for tagger in self.taggers], fold, jets.stored)
        for _, embedding in parts:
            _count(cutflow, "event", embedding)
        return jets.with_field(in_order(parts), "embedding")

    def score(self, jets: ak.Array, fold: IntArray) -> DoubleArray:
        """Compute the discriminant from embeddings and the jets of one variation; NaN with too few jets."""
        scores = in_order(by_fold([tagger.score for tagger in self.taggers], fold, jets.embedding, jets))
        return np.asarray(ak.to_numpy(discriminant(scores, self.signal, self.background)), np.float64)


def large_r_tagger(bundle: str, corrections: Corrections | None) -> JetTagger:
    """TXbb, for large-R jets."""
    truth = ("label", JET_CLASSES.index("Hbb"))
    return JetTagger("txbb", coffea_fm.load(bundle), "Hbb", ("QCD",), truth, corrections)


def small_r_tagger(bundle: str, corrections: Corrections | None) -> JetTagger:
    """B against c and light, for small-R jets."""
    return JetTagger("b_score", coffea_fm.load(bundle), "b", ("c", "light"), ("hadronFlavour", 5), corrections)


def _count(cutflow: Counter[str], name: str, tagged: ak.Array) -> None:
    cutflow.update({f"{name}_{key}": value for key, value in coffea_fm.report(tagged).counts.items()})
