"""What a cut does to other quantities of a jet: efficiency against them, and how it shapes the background's mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import jensenshannon

from coffea_fm.arrays import BoolArray, DoubleArray, Floats, Scores, Targets
from coffea_fm.bundle import WorkingPoint
from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.calibration.working_points import passes
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.jets import JetData
from coffea_fm.plots.profiles import Profile

_BINS = 8
MASS_BINS = 20
_TRIALS = 200


@dataclass(frozen=True)
class Divergence:
    """Jensen-Shannon divergence of a quantity before and after a cut, in bits: 0 for equal shapes, at most 1.

    Parameters
    ----------
    value : float
        As measured.
    by_chance : float
        95% of the divergences of as many jets drawn blindly are below this.
    passed : int
        Jets after the cut.
    """

    value: float
    by_chance: float
    passed: int


def edges_of(values: Floats, bins: int = _BINS) -> DoubleArray:
    """Equal bins over the central 98% of the values.

    Parameters
    ----------
    values : float array of shape [n_jets]
        Of all jets, so that the bins are the same for each part of them.
    bins : int
        How many.
    """
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.01, 0.99]) if len(finite) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def efficiency_profile(values: Floats, passed: BoolArray, edges: DoubleArray) -> Profile:
    """Efficiency of a cut against a quantity.

    Parameters
    ----------
    values : float array of shape [n_jets]
        The quantity; jets outside the bins are left out.
    passed : bool array of shape [n_jets]
        Which jets pass.
    edges : float array of shape [n_bins + 1]
        Bins.
    """
    total, kept = np.histogram(values, edges)[0], np.histogram(values[passed], edges)[0]
    filled = total > 0
    low, high = efficiency_interval(kept, np.maximum(total, 1))
    efficiency, low, high = (np.where(filled, part, np.nan) for part in (kept / np.maximum(total, 1), low, high))
    return Profile(edges, efficiency, low, high, int(total.sum()))


def divergence(values: Floats, passed: BoolArray, *, seed: int = 0) -> Divergence:
    """How much a cut changes the shape of a quantity, and how much so few jets would change it by chance.

    Parameters
    ----------
    values : float array of shape [n_jets]
        Of the background jets.
    passed : bool array of shape [n_jets]
        Which of them pass; at least one.
    seed : int
        Of the blind draws.
    """
    edges = np.append(np.append(-np.inf, edges_of(values, MASS_BINS)[1:-1]), np.inf)
    before, after = np.histogram(values, edges)[0], np.histogram(values[passed], edges)[0]
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(
        before, int(after.sum()), _TRIALS, method="marginals"
    )
    blind = [_divergence(before, counts) for counts in drawn]
    return Divergence(_divergence(before, after), float(np.quantile(blind, 0.95)), int(after.sum()))


def sculpting(
    scores: Scores, target: Targets, metrics: Metrics, points: Sequence[WorkingPoint], jets: JetData
) -> dict[str, Divergence]:
    """What each working point does to the mass of the background; empty if the jets have no mass.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Rows of NaN are left out.
    target : int array of shape [n_jets]
        True class.
    metrics : Metrics
        Says which class is the background.
    points : sequence of WorkingPoint
        Cuts.
    jets : JetData
        Kinematics.
    """
    if not (name := mass_of(jets.variables)):
        return {}
    chosen = (target == metrics.classes.index(metrics.background)) & np.isfinite(scores).all(axis=1)
    chosen &= np.isfinite(jets.variables[name])
    values = jets.variables[name][chosen]
    passed = {point.name: passes(scores[chosen], metrics.classes, point) for point in points}
    return {key: divergence(values, part) for key, part in passed.items() if part.any()}


def mass_of(variables: Mapping[str, Floats]) -> str:
    """Name of the mass among the variables; empty if there is none."""
    return next((name for name in ("msoftdrop", "mass", "mass_raw") if name in variables), "")


def _divergence(before: npt.NDArray[np.integer], after: npt.NDArray[np.integer]) -> float:
    return float(jensenshannon(before, after, base=2) ** 2)
