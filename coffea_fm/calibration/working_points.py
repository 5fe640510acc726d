"""Working points: cuts at given background efficiencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray, DoubleArray, IntArray, Scores, Targets
from coffea_fm.bundle import BinnedCut, ClassEfficiency, WorkingPoint
from coffea_fm.calibration.discriminant import discriminant
from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.errors import InputError

LEVELS: Mapping[str, float] = {"loose": 0.05, "medium": 0.01, "tight": 0.001}
_FEWEST_PASSING = 10


@dataclass(frozen=True)
class CutBins:
    """Bins in which a working point has a cut of its own.

    Parameters
    ----------
    field : str
        Name of the field, e.g. ``"pt"``.
    edges : sequence of float
        Increasing; jets beyond the outer edges belong to the outer bins.
    values : float array of shape [n_jets]
        The field of each jet.
    """

    field: str
    edges: Sequence[float]
    values: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or any(low >= high for low, high in pairwise(self.edges)):
            raise InputError(f"the edges {', '.join(map(str, self.edges))} of bins in {self.field} must increase")

    def take(self, kept: BoolArray) -> CutBins:
        """The same bins for some of the jets."""
        return CutBins(self.field, self.edges, self.values[kept])

    @property
    def index(self) -> IntArray:
        """Number of the bin of each jet."""
        return bin_index(self.values, self.edges)


def bin_index(values: npt.NDArray[np.floating], edges: Sequence[float]) -> IntArray:
    """Number of the bin of each value; values beyond the outer edges, and NaN, belong to the outer bins."""
    return np.asarray(np.minimum(np.digitize(values, edges[1:-1]), len(edges) - 2))


def working_points(
    scores: Scores,
    target: Targets,
    classes: Sequence[str],
    *,
    background: str = "QCD",
    levels: Mapping[str, float] = LEVELS,
    bins: CutBins | None = None,
    calibrated: bool = False,
) -> list[WorkingPoint]:
    """Cuts on ``signal / (signal + background)`` for each signal class.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities; rows with NaN are left out.
    target : int array of shape [n_jets]
        True class.
    classes : sequence of str
        Names of the columns.
    background : str
        Class whose efficiency is fixed by the level.
    levels : mapping of str to float
        Background efficiency by name. A level that fewer than ten background jets would pass, in all or in one of the
        bins, is left out, because its cut would be too uncertain.
    bins : CutBins, optional
        Bins with a cut each, so that the background efficiency is the same in all of them.
    calibrated : bool
        Whether these are calibrated scores, which the working points then say.

    Returns
    -------
    list of WorkingPoint
        Named ``CLASS_LEVEL``.
    """
    if background not in classes:
        raise InputError(f"the background {background!r} is not among the classes {', '.join(classes)}")
    scored: BoolArray = np.asarray(np.isfinite(scores).all(axis=1))
    scores, target = scores[scored], target[scored]
    bins = None if bins is None else bins.take(scored)
    column = list(classes).index(background)
    points = []
    for index, name in enumerate(classes):
        if index == column or not np.any(target == index):
            continue
        values = discriminant(scores, index, column)
        for level, efficiency in levels.items():
            cut = _cuts(values, target == column, efficiency, bins)
            if cut is not None:
                point = WorkingPoint(
                    name=f"{name}_{level}",
                    signal=(name,),
                    background=(background,),
                    cut=cut[0],
                    signal_efficiency=0.0,
                    background_efficiency=0.0,
                    bins=cut[1],
                    calibrated=calibrated,
                )
                points.append(_measured(point, values, target, classes, bins))
    return points


def passes(
    scores: Scores, classes: Sequence[str], point: WorkingPoint, values: npt.NDArray[np.floating] | None = None
) -> BoolArray:
    """Which jets pass a working point of one class against another; those with scores of NaN do not.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Calibrated, if the working point is.
    classes : sequence of str
        Names of the columns.
    point : WorkingPoint
    values : float array of shape [n_jets], optional
        The field in whose bins the working point has its cuts; without it, the cut over all jets applies.
    """
    (signal,), (background,) = point.signal, point.background
    found = discriminant(scores, classes.index(signal), classes.index(background))
    if point.bins is None or values is None:
        return found >= point.cut
    return np.asarray(found >= np.asarray(point.bins.cuts)[bin_index(values, point.bins.edges)])


def _cuts(
    values: DoubleArray, background: BoolArray, efficiency: float, bins: CutBins | None
) -> tuple[float, BinnedCut | None] | None:
    """The cut over all jets and those by bin; None if one of them is too uncertain."""
    cut = _cut(values[background], efficiency)
    if bins is None or cut is None:
        return None if cut is None else (cut, None)
    index = bins.index
    cuts = [_cut(values[background & (index == bin_)], efficiency) for bin_ in range(len(bins.edges) - 1)]
    known = [each for each in cuts if each is not None]
    if len(known) < len(cuts):
        return None
    return cut, BinnedCut(field=bins.field, edges=tuple(map(float, bins.edges)), cuts=tuple(known))


def _cut(values: DoubleArray, efficiency: float) -> float | None:
    passing = int(len(values) * efficiency)
    return float(np.sort(values)[::-1][passing - 1]) if passing >= _FEWEST_PASSING else None


def _measured(
    point: WorkingPoint, values: DoubleArray, target: Targets, classes: Sequence[str], bins: CutBins | None
) -> WorkingPoint:
    """The same working point with its efficiencies."""
    index = np.zeros(len(values), np.int64) if bins is None else bins.index
    cuts = np.asarray([point.cut] if point.bins is None else point.bins.cuts)
    passed = values >= cuts[index]
    efficiencies = {}
    for number, name in enumerate(classes):
        of_class = target == number
        jets = np.bincount(index[of_class], minlength=len(cuts))
        passing = np.bincount(index[of_class & passed], minlength=len(cuts))
        low, high = efficiency_interval(passing, jets)
        efficiencies[name] = ClassEfficiency(
            jets=tuple(jets.tolist()),
            efficiency=tuple((passing / np.maximum(jets, 1)).tolist()),
            low=tuple(np.where(jets > 0, low, 0.0).tolist()),
            high=tuple(np.where(jets > 0, high, 1.0).tolist()),
        )
    signal, background = (target == classes.index(name) for name in (point.signal[0], point.background[0]))
    return point.model_copy(
        update={
            "signal_efficiency": float(np.mean(passed[signal])),
            "background_efficiency": float(np.mean(passed[background])),
            "efficiencies": efficiencies,
        }
    )
