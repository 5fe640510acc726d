"""A cascade: a small network for all jets, and a large one for those that it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.arrays import DoubleArray, FloatArray
from coffea_fm.bundle import Calibration
from coffea_fm.bundle.manifest import Output, canonical_hash
from coffea_fm.errors import InputError
from coffea_fm.inference.answer import Answer
from coffea_fm.inference.arrays import is_dask
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.calibrated import passing
from coffea_fm.inference.combined.combined import CombinedTagger, refuse_different
from coffea_fm.inference.discriminants import find_working_point, fraction
from coffea_fm.inference.things import Things

SCORES = "scores"
STAGE = "stage"
STAGES = ("small", "large")


@dataclass(frozen=True)
class Choice:
    """The cut of a cascade, and what it costs, measured on labelled jets.

    Parameters
    ----------
    signal, background : tuple of str
        Classes of the discriminant ``signal / (signal + background)`` of the small network.
    keep : float
        Fraction of the signal to keep that was asked for.
    cut : float
        Smallest discriminant of jets that the large network scores, chosen on one half of the labelled jets.
    signal_loss, signal_loss_error : float
        Fraction of the signal below the cut and its binomial error, measured on the other half.
    background_kept : float or None
        Fraction of the background above the cut: what the large network has to do. None if no background jets were given.
    n_signal : int
        Number of signal jets that the loss was measured on.
    data : str
        Where the labelled jets are from.
    """

    signal: tuple[str, ...]
    background: tuple[str, ...]
    keep: float
    cut: float
    signal_loss: float
    signal_loss_error: float
    background_kept: float | None
    n_signal: int
    data: str


@dataclass(frozen=True, repr=False)
class Cascade(CombinedTagger):
    """Two networks as one tagger; created by `cascade`.

    Jets that the small network puts below the cut keep **its** scores, and are counted as ``below_cut`` in the report; all
    others have the scores of the large network. So every jet is in every histogram. Above the cut, a histogram of the
    discriminant is that of the large network without the signal that is lost (see `Choice`); below, it is a mixture,
    which the output ``stage`` takes apart. The discriminant of another signal would be a mixture everywhere, and is
    refused.

    Parameters
    ----------
    small, large : tagger
        With the same scores in the same order.
    choice : Choice
        The cut.
    """

    small: BaseTagger
    large: BaseTagger
    choice: Choice
    checksum: str = field(init=False)

    def __post_init__(self) -> None:
        refuse_different(self.taggers, "a cascade")
        cut = [self.choice.signal, self.choice.background, self.choice.cut]
        parts = ["cascade", self.small.checksum, self.large.checksum, cut]
        object.__setattr__(self, "checksum", canonical_hash(parts))

    @property
    def taggers(self) -> tuple[BaseTagger, ...]:  # type: ignore[override]
        """The small network and the large one."""
        return self.small, self.large

    @property
    def name(self) -> str:
        """Both models."""
        return f"{self.small.name} then {self.large.name}"

    @property
    def calibration(self) -> Calibration:
        """That of the large network: its working points hold, less the signal that is lost."""
        return self.large.calibration

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The scores, and ``stage``: which network gave them, 1 for that one and 0 for the other."""
        scores = self.large.output(SCORES)
        return scores, Output(name=STAGE, dim=len(STAGES), classes=STAGES, level=scores.level)

    def discriminant(self, scores: ak.Array, signal: str | Sequence[str], background: str | Sequence[str]) -> ak.Array:
        """``signal / (signal + background)`` of scores, for the signal and background of the cascade.

        Raises
        ------
        InputError
            If it is for others: many jets of that signal were scored by the small network.
        """
        self._refuse_another(signal, background)
        return super().discriminant(scores, signal, background)

    def passes(self, jets: ak.Array, working_point: str, **collections: ak.Array) -> ak.Array:
        """Whether jets pass a working point of the large network; see `BaseTagger.passes`.

        Jets below the cut of the cascade do not, even if calibration would move the scores of the small network above
        that of the working point.

        Raises
        ------
        InputError
            If the working point is for another signal or background, or below the cut of the cascade.
        """
        point = find_working_point(self.calibration, working_point, self.name)
        self._refuse_another(point.signal, point.background)
        lowest = point.cut if point.bins is None else min(point.bins.cuts)
        if not point.calibrated and lowest <= self.choice.cut:
            raise InputError(
                f"{working_point} cuts at {lowest:.4g}, where the small network decides (below {self.choice.cut:.4g}): "
                "choose a tighter working point, or a cascade that keeps more"
            )
        tagged = self(jets, (SCORES, STAGE), **collections)
        passed = passing(tagged[SCORES], jets, point, self.calibration, self.name)
        return passed & (tagged[STAGE][STAGES[1]] == 1)

    def _names(self, outputs: str | Sequence[str] | None, collections: Mapping[str, ak.Array]) -> tuple[str, ...]:
        if isinstance(outputs, ak.Array) or is_dask(outputs):
            return super()._names(outputs, collections)
        super()._names(SCORES, collections)
        names = (SCORES,) if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs)
        for name in names:
            self.output(name)
        return names

    def _reads(self, names: tuple[str, ...]) -> tuple[Any, ...]:  # noqa: ARG002 - the stage depends on the scores
        return super()._reads((SCORES,))

    def _answer(self, things: Things, names: tuple[str, ...]) -> Answer:
        first = self.small._answer(things, (SCORES,))
        above = discriminant_of(first.results[SCORES], self.small.classes, self.choice) >= self.choice.cut
        rows = np.flatnonzero(above)
        second = self.large._answer(things.take(rows), (SCORES,))
        scores = first.results[SCORES].copy()
        scores[rows] = second.results[SCORES]
        stage = np.stack([~above, above], axis=1).astype(np.float32)
        stage[np.isnan(scores[:, 0])] = np.nan
        findings = first.findings.replaced(rows, second.findings)
        findings = replace(findings, flags={"below_cut": findings.usable & ~above})
        return Answer({name: {SCORES: scores, STAGE: stage}[name] for name in names}, findings)

    def _details(self) -> dict[str, Any]:
        return asdict(self.choice)

    def _refuse_another(self, signal: str | Sequence[str], background: str | Sequence[str]) -> None:
        asked = [{names} if isinstance(names, str) else set(names) for names in (signal, background)]
        choice = self.choice
        if asked != [set(choice.signal), set(choice.background)]:
            raise InputError(
                f"this cascade is for {' + '.join(choice.signal)} against {' + '.join(choice.background)}: jets below its "
                f"cut have the scores of {self.small.name!r}; use a cascade for the other signal, or {self.large.name!r}"
            )


def discriminant_of(scores: FloatArray, classes: Sequence[str], choice: Choice) -> DoubleArray:
    """The discriminant that the cut is on, float64 [n]; NaN without a score.

    Parameters
    ----------
    scores : float32 array of shape [n, n_classes]
    classes : sequence of str
        Names of the columns.
    choice : Choice
        The classes to add up.
    """
    sums = (
        scores[:, [list(classes).index(name) for name in names]].sum(axis=1, dtype=np.float64)
        for names in (choice.signal, choice.background)
    )
    return np.asarray(fraction(*sums))
