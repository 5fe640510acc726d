"""Compare the jets of an evaluation with those of other data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coffea_fm.arrays import BoolArray, IntArray, Scores, Targets
from coffea_fm.bundle import WorkingPoint
from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.calibration.working_points import passes
from coffea_fm.evaluation.domain_shift import (
    FEWEST_JETS,
    PointShift,
    Shift,
    TwoSample,
    balanced_rows,
    two_sample,
)
from coffea_fm.evaluation.draw_jets import chosen_points
from coffea_fm.evaluation.jets import JetData


class Side:
    """One of the two data sets: its jets that have a score.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Rows of NaN are left out.
    target : int array of shape [n_jets]
        True class; -1 where it is not known.
    jets : JetData
        Embedding.
    """

    def __init__(self, scores: Scores, target: Targets, jets: JetData) -> None:
        scored: BoolArray = np.asarray(np.isfinite(scores).all(axis=1))
        self.scores, self.target, self.jets = scores[scored], target[scored].astype(np.int64), jets.take(scored)

    def passes(self, classes: Sequence[str], point: WorkingPoint) -> BoolArray:
        """Which jets pass."""
        return passes(self.scores, classes, point)

    def embedded(self, chosen: BoolArray) -> tuple[Any, IntArray]:
        """Embedding and true class of the chosen jets."""
        of = chosen[self.jets.embedded]
        return self.jets.embedding[of], self.target[self.jets.embedded][of]


def measure_shift(here: Side, there: Side, classes: Sequence[str], points: Sequence[WorkingPoint], data: str) -> Shift:
    """Two-sample tests on the embedding, and the efficiencies of the working points in both.

    Parameters
    ----------
    here, there : Side
        The evaluated data, and the other.
    classes : sequence of str
        Names of the scores.
    points : sequence of WorkingPoint
        From the evaluated data.
    data : str
        Name of the other data.
    """
    known = bool(np.intersect1d(here.target[here.target >= 0], there.target).size)
    background = list(classes).index(points[0].background[0]) if points else 0
    selections = {"all jets": (np.ones(len(here.target), bool), np.ones(len(there.target), bool))}
    for point in chosen_points(points, int((here.target == background).sum())).values():
        selections[point.name] = here.passes(classes, point), there.passes(classes, point)
    tests = [_test(here, there, chosen, name, balance=known) for name, chosen in selections.items()]
    shifts = []
    for point in points:
        first, second = here.passes(classes, point), there.passes(classes, point)
        names = [point.signal[0], point.background[0]] if known else [""]
        for name in names:
            parts = [
                side.target == list(classes).index(name) if name else np.ones(len(side.target), bool)
                for side in (here, there)
            ]
            values = [_efficiency(*pair) for pair in zip((first, second), parts, strict=True)]
            shifts.append(PointShift(point.name, name or "all jets", values[0], values[1]))
    return Shift(data, known, [test for test in tests if test is not None], shifts)


def _test(
    here: Side, there: Side, chosen: tuple[BoolArray, BoolArray], name: str, *, balance: bool
) -> TwoSample | None:
    if not (here.jets.embedding.shape[-1] and there.jets.embedding.shape[-1]):
        return None
    (own, own_target), (other, other_target) = here.embedded(chosen[0]), there.embedded(chosen[1])
    if balance:
        rows, other_rows = balanced_rows(own_target, other_target)
        own, other = own[rows], other[other_rows]
    return two_sample(own, other, name) if min(len(own), len(other)) >= FEWEST_JETS else None


def _efficiency(passed: BoolArray, part: BoolArray) -> tuple[float, float, float] | None:
    if not part.any():
        return None
    kept, total = int((passed & part).sum()), int(part.sum())
    low, high = efficiency_interval([kept], total)
    return kept / total, float(low[0]), float(high[0])
