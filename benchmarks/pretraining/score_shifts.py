"""How much the score of a jet depends on how it was simulated, at equal separation of the classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coffea_fm.evaluation.discrimination import auc
from coffea_fm.simulation.variations import NUMBERS

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
SYSTEMATIC = ("fsr-up", "fsr-down", "tune")
SAME = "seed"
"""Physics that differs, and the same physics with other random numbers."""


def shifts(scores: Floats, target: Integers, pair: Integers, variation: Integers) -> dict[str, float]:
    """Separation of the classes, and differences between the simulations of a jet.

    Scores are replaced by their ranks among the nominal jets (0 to 1), so that only the order of the jets counts.

    Parameters
    ----------
    scores, target, pair, variation : array [n]
        Larger scores for class 1, class (0 or 1), number of the jet, and number of the simulation.

    Returns
    -------
    dict of str to float
        ``auc`` of the nominal jets; ``shift``, the absolute mean change of the rank, averaged over the `SYSTEMATIC`
        variations and both classes; ``floor``, the same for another seed, which is statistical; ``change`` and
        ``change_floor``, the mean absolute change.
    """
    nominal = variation == 0
    ranks = np.searchsorted(np.sort(scores[nominal]), scores) / nominal.sum()
    row_of = {number: row for row, number in zip(np.flatnonzero(nominal), pair[nominal], strict=True)}
    moved: dict[str, list[Floats]] = {}
    for name in (*SYSTEMATIC, SAME):
        for kind in (0, 1):
            rows = np.flatnonzero((variation == NUMBERS[name]) & (target == kind))
            partner = np.array([row_of[number] for number in pair[rows]], np.int64)
            moved.setdefault(name, []).append(ranks[rows] - ranks[partner])
    systematic = [differences for name in SYSTEMATIC for differences in moved[name]]
    return {
        "auc": float(auc(scores[nominal & (target == 1)], scores[nominal & (target == 0)])),
        "shift": float(np.mean([abs(differences.mean()) for differences in systematic])),
        "floor": float(np.mean([abs(differences.mean()) for differences in moved[SAME]])),
        "change": float(np.mean([np.abs(differences).mean() for differences in systematic])),
        "change_floor": float(np.mean([np.abs(differences).mean() for differences in moved[SAME]])),
    }


def at_equal_auc(ours: list[dict[str, float]], others: list[dict[str, float]], what: str) -> tuple[float, float, float]:
    """Compare two lists of points (one for each number of labels) at the largest AUC that both reach.

    Returns
    -------
    auc, ours, others : float
        NaN for a list that has no point below this AUC.
    """
    common = min(max(point["auc"] for point in points) for points in (ours, others))

    def interpolated(points: list[dict[str, float]]) -> float:
        points = sorted(points, key=lambda point: point["auc"])
        reached = [point["auc"] for point in points]
        return float(np.interp(common, reached, [point[what] for point in points], left=np.nan))

    return common, interpolated(ours), interpolated(others)


def mean_and_error(values: list[float]) -> str:
    """Mean and its standard error over seeds."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.4f} ± {error:.4f}"
