"""Several models as one: the mean of their scores, or the model of each fold for its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import awkward as ak
import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.bundle import Calibration
from coffea_fm.bundle.manifest import canonical_hash
from coffea_fm.errors import InputError
from coffea_fm.inference.answer import Answer
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.combined.combined import CombinedTagger, refuse_different
from coffea_fm.inference.findings import Findings
from coffea_fm.inference.requests import EVENT
from coffea_fm.inference.things import Things


@dataclass(frozen=True, repr=False)
class Ensemble(CombinedTagger):
    """Several models as one tagger.

    With ``folds="event"``, jets and events are scored by one model each: that of the fold ``event % n``, where `event` is
    the number of the event and `n` the number of models. Model ``k`` must have been trained without fold ``k`` (the
    recipe key ``data.split.leave_out``). Give the numbers with each call, ``ensemble(jets, event=events.event)``, unless
    the jets or the events have a field ``event``.

    Parameters
    ----------
    taggers : sequence of taggers
        With the same scores in the same order. They may read different fields; a jet that one of them cannot score has
        no mean. Those that have a backbone in common run it once.
    folds : {"event"}, optional
        Choose the model by the number of the event; by default, the scores of all models are averaged.

    Raises
    ------
    InputError
        If there are fewer than two taggers, they take different things, or have different scores.
    """

    taggers: tuple[BaseTagger, ...]
    folds: Literal["event"] | None = None
    checksum: str = field(init=False)

    def __post_init__(self) -> None:
        if self.folds not in (None, "event"):
            raise InputError(f"folds={self.folds!r}: choose 'event', or leave folds out to get the mean of all models")
        object.__setattr__(self, "taggers", tuple(self.taggers))
        refuse_different(self.taggers, "an ensemble")
        parts = ["ensemble", self.folds, *(tagger.checksum for tagger in self.taggers)]
        object.__setattr__(self, "checksum", canonical_hash(parts))

    @property
    def name(self) -> str:
        """The models and how they are combined."""
        names = ", ".join(tagger.name for tagger in self.taggers)
        return f"fold of {names}" if self.folds else f"mean of {names}"

    @property
    def calibration(self) -> Calibration:
        """Empty: the working points of one model are not those of several."""
        return Calibration()

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, with the number of the event if it chooses the model."""
        return super().columns(jets) | ({EVENT} if self.folds else set())

    def _names(self, outputs: str | Sequence[str] | None, collections: Mapping[str, ak.Array]) -> tuple[str, ...]:
        return super()._names(outputs, self._jets(collections))

    def _given(self, jets: ak.Array, collections: Mapping[str, ak.Array]) -> ak.Array:
        return super()._given(jets, self._jets(collections))

    def _things(self, jets: ak.Array, collections: Mapping[str, ak.Array]) -> ak.Array:
        things = super()._things(jets, self._jets(collections))
        if self.folds is None:
            return things
        numbers = collections.get(EVENT)
        if numbers is None:
            holder = jets if EVENT in jets.fields else things
            if EVENT not in holder.fields:
                raise InputError("the folds are chosen by event number: pass event=events.event")
            numbers = holder[EVENT]
        ak.typetracer.touch_data(numbers)
        try:
            return ak.with_field(things, numbers, EVENT)
        except (ValueError, TypeError) as error:
            raise InputError(
                "event must have one number per event: apply the selection of the jets to it, too"
            ) from error

    def _answer(self, things: Things, names: tuple[str, ...]) -> Answer:
        if self.folds is None:
            answers = [tagger._answer(things, names) for tagger in self.taggers]
            means = {name: np.mean([made.results[name] for made in answers], axis=0) for name in names}
            return Answer(means, Findings.of_all([made.findings for made in answers]))
        fold, parts = self._fold(things), []
        results = {name: np.full((len(things), self.output(name).dim), np.nan, dtype=np.float32) for name in names}
        for number, tagger in enumerate(self.taggers):
            rows = np.flatnonzero(fold == number)
            made = tagger._answer(things.take(rows), names)
            for name in names:
                results[name][rows] = made.results[name]
            parts.append((rows, made.findings))
        return Answer(results, Findings.joined(parts, len(things)))

    def _fold(self, things: Things) -> IntArray:
        """Fold of each thing, int64 [n]."""
        numbers, absent = things.rows.field(EVENT).values()
        if absent.any() or numbers.dtype.kind not in "iu":
            raise InputError(f"event numbers must be integers and not None, found {things.array[EVENT].type}")
        return np.asarray(numbers % len(self.taggers), dtype=np.int64)

    def _jets(self, collections: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
        """The collections of jets, without the numbers of the events."""
        return {name: array for name, array in collections.items() if name != EVENT or self.folds is None}
