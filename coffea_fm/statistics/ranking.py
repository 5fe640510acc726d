"""How much each systematic uncertainty moves the strength of the signal."""

from __future__ import annotations

import numpy as np
from cabinetry.fit import FitResults, RankingResults
from cabinetry.model_utils import prefit_uncertainties

from coffea_fm.arrays import DoubleArray
from coffea_fm.statistics.likelihood import Likelihood


def rank(likelihood: Likelihood, fitted: FitResults) -> RankingResults:
    """Impacts of the systematic uncertainties and transfer factors, the largest first; those of single bins are left out.

    An impact is the change of mu if the parameter is held above or below its best value by its error, prefit or postfit;
    what nothing constrains before the fit has no prefit impact.
    """
    positions = {**likelihood.constrained(), **likelihood.transfers()}
    at = list(positions.values())
    bestfit, uncertainty = fitted.bestfit[at], fitted.uncertainty[at]
    shifts = {"prefit": prefit_uncertainties(likelihood.model)[at], "postfit": uncertainty}
    impacts = {
        f"{when}_{direction}": np.array(
            [
                _change(likelihood, fitted, index, sign * shift) if shift else 0.0
                for index, shift in zip(at, sizes, strict=True)
            ]
        )
        for when, sizes in shifts.items()
        for direction, sign in (("up", 1), ("down", -1))
    }
    found = RankingResults(bestfit, uncertainty, list(positions), **impacts)
    return _take(found, np.argsort(-sizes_of(found), kind="stable"))


def sizes_of(ranking: RankingResults) -> DoubleArray:
    """The larger postfit change of each parameter; float64 [n_parameters]."""
    return np.maximum(np.abs(ranking.postfit_up), np.abs(ranking.postfit_down))


def _change(likelihood: Likelihood, fitted: FitResults, index: int, shift: float) -> float:
    moved = likelihood.fit({index: fitted.bestfit[index] + shift}, fitted.bestfit, errors=False)
    return float(moved.bestfit[likelihood.poi] - fitted.bestfit[likelihood.poi])


def _take(ranking: RankingResults, order: np.ndarray) -> RankingResults:
    labels = [ranking.labels[place] for place in order]
    arrays = {name: value[order] for name, value in ranking._asdict().items() if name != "labels"}
    return RankingResults(labels=labels, **arrays)
