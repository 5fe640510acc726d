"""A cascade: a small network for all jets, and a large one for those above a cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.arrays import BoolArray, IntArray
from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.bundle.manifest import Output, canonical_hash
from coffea_fm.errors import InputError
from coffea_fm.inference.answer import Answer
from coffea_fm.inference.arrays import is_dask
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.calibrated import passing
from coffea_fm.inference.combined.choice import Choice, discriminant_of
from coffea_fm.inference.combined.combined import CombinedTagger, refuse_different
from coffea_fm.inference.discriminants import find_working_point
from coffea_fm.inference.findings import Findings
from coffea_fm.inference.things import Things

SCORES = "scores"
STAGE = "stage"
STAGES = ("small", "large")


@dataclass(frozen=True, repr=False)
class Cascade(CombinedTagger):
    """Two networks as one tagger; created by `cascade`.

    Jets that the small network puts below the cut keep **its** scores, and are counted as ``below_cut`` in the report; all
    others have the scores of the large network. So every jet is in every histogram. Above the cut, a histogram of the
    discriminant is that of the large network without the signal that is lost (see `Choice`); below, it is a mixture,
    which the output ``stage`` takes apart. The discriminant of another signal would be a mixture everywhere, and is
    refused.

    Either network may be a cascade itself. Then the report has its cut and its counts as ``large`` or ``small``, and
    ``stage`` says whether the last network of all gave the scores.

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
        """The scores, and ``stage``: 1 as ``large`` if the last network gave them, else 1 as ``small``."""
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

        Jets below the cut of the cascade do not, whatever their score of the small network.

        Raises
        ------
        InputError
            If the working point is for another signal or background, or is looser than the cascade was made for.
        """
        point = find_working_point(self.calibration, working_point, self.name)
        self._refuse_looser(point)
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
        nested = isinstance(self.large, Cascade)
        second = self.large._answer(things.take(rows), (SCORES, STAGE) if nested else (SCORES,))
        scores = first.results[SCORES].copy()
        scores[rows] = second.results[SCORES]
        stage = np.stack([~above, above], axis=1).astype(np.float32)
        if nested:
            stage[rows] = second.results[STAGE]
        stage[np.isnan(scores[:, 0])] = np.nan
        findings = _joined(first.findings, rows, second.findings, above)
        return Answer({name: {SCORES: scores, STAGE: stage}[name] for name in names}, findings)

    def _details(self) -> dict[str, Any]:
        nested = {"small": self.small, "large": self.large}
        return asdict(self.choice) | {
            name: tagger._details() for name, tagger in nested.items() if isinstance(tagger, Cascade)
        }

    def _refuse_looser(self, point: WorkingPoint) -> None:
        self._refuse_another(point.signal, point.background)
        choice, lowest = self.choice, point.cut if point.bins is None else min(point.bins.cuts)
        if choice.working_point is not None:
            made_for = find_working_point(self.calibration, choice.working_point, self.name)
            if point.signal_efficiency > made_for.signal_efficiency:
                raise InputError(
                    f"{point.name} is looser than {made_for.name}, which the cut of this cascade was chosen for: make "
                    f'the cascade with working_point="{point.name}"'
                )
        elif not point.calibrated and lowest <= choice.cut:
            raise InputError(
                f"{point.name} cuts at {lowest:.4g}, where the small network decides (below {choice.cut:.4g}): "
                "choose a tighter working point, or a cascade that keeps more"
            )
        if isinstance(self.large, Cascade):
            self.large._refuse_looser(point)

    def _refuse_another(self, signal: str | Sequence[str], background: str | Sequence[str]) -> None:
        asked = [{names} if isinstance(names, str) else set(names) for names in (signal, background)]
        choice = self.choice
        if asked != [set(choice.signal), set(choice.background)]:
            raise InputError(
                f"this cascade is for {' + '.join(choice.signal)} against {' + '.join(choice.background)}: jets below its "
                f"cut have the scores of {self.small.name!r}; use a cascade for the other signal, or {self.large.name!r}"
            )
        if isinstance(self.large, Cascade):
            self.large._refuse_another(signal, background)


def _joined(first: Findings, rows: IntArray, second: Findings, above: BoolArray) -> Findings:
    """Findings of both networks; flags of cascades within are named after their place."""
    joined = first.replaced(rows, second)
    flags = {"below_cut": joined.usable & ~above}
    for name, values in first.flags.items():
        flags[f"small_{name}"] = values
    for name, values in second.flags.items():
        flags[f"large_{name}"] = np.zeros(len(above), dtype=np.bool_)
        flags[f"large_{name}"][rows] = values
    return replace(joined, flags=flags)
