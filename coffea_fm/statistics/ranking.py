"""Impact of each systematic uncertainty on the signal strength."""

from __future__ import annotations

import numpy as np
from cabinetry.fit.results_containers import FitResults, RankingResults
from cabinetry.model_utils import prefit_uncertainties

from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.progress import tracked


def rank(likelihood: Likelihood, fitted: FitResults) -> RankingResults:
    """Rank the impacts of systematic uncertainties and transfer factors, largest first, without those of single bins.

    An impact is the change of mu when the parameter is fixed at its best-fit value plus or minus its prefit or postfit
    error. Unconstrained parameters have no prefit impact.
    """
    positions = {**likelihood.constrained(), **likelihood.transfers()}
    prefit = prefit_uncertainties(likelihood.model)
    rows = np.array(
        [
            (
                fitted.bestfit[index],
                fitted.uncertainty[index],
                *(
                    _change(likelihood, fitted, index, sign * size)
                    for size in (prefit[index], fitted.uncertainty[index])
                    for sign in (1, -1)
                ),
            )
            for index in tracked(list(positions.values()), "ranking")
        ]
    )
    order = np.argsort(-np.abs(rows[:, -2:]).max(axis=1), kind="stable")
    bestfit, uncertainty, *impacts = rows[order].T
    return RankingResults(bestfit, uncertainty, np.array(list(positions))[order].tolist(), *impacts)


def _change(likelihood: Likelihood, fitted: FitResults, index: int, shift: float) -> float:
    """Change of mu; the fit starts where the correlations of the parameters predict its end."""
    if shift == 0:
        return 0.0
    follow = fitted.corr_mat[index] * fitted.uncertainty * (shift / fitted.uncertainty[index])
    moved = likelihood.fit({index: fitted.bestfit[index] + shift}, fitted.bestfit + follow, errors=False)
    return float(moved.bestfit[likelihood.poi] - fitted.bestfit[likelihood.poi])
