"""Impact of each systematic uncertainty on the signal strength."""

from __future__ import annotations

import numpy as np
from cabinetry.fit.results_containers import FitResults, RankingResults
from cabinetry.model_utils import prefit_uncertainties

from coffea_fm.errors import InputError, warn
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.progress import tracked


def rank(likelihood: Likelihood, fitted: FitResults) -> RankingResults:
    """Rank the impacts of systematic uncertainties and transfer factors, largest first, without those of single bins.

    An impact is the change of mu when the parameter is fixed at its best-fit value plus or minus its prefit or postfit
    error. Unconstrained parameters have no prefit impact.
    """
    positions = {**likelihood.constrained(), **likelihood.transfers()}
    prefit = prefit_uncertainties(likelihood.model)
    found = {}
    for name, index in tracked(list(positions.items()), "ranking"):
        sizes = prefit[index], fitted.uncertainty[index]
        try:
            changes = [_change(likelihood, fitted, index, sign * size) for size in sizes for sign in (1, -1)]
        except InputError:
            warn(f"the impact of {name} is left out: no fit converges with this parameter one error away")
            continue
        found[name] = (fitted.bestfit[index], fitted.uncertainty[index], *changes)
    rows = np.array(list(found.values())).reshape(-1, 6)
    order = np.argsort(-np.abs(rows[:, -2:]).max(axis=1), kind="stable")
    bestfit, uncertainty, *impacts = rows[order].T
    return RankingResults(bestfit, uncertainty, np.array(list(found))[order].tolist(), *impacts)


def _change(likelihood: Likelihood, fitted: FitResults, index: int, shift: float) -> float:
    """Change of mu; the fit starts where the correlations of the parameters predict its end."""
    if shift == 0:
        return 0.0
    follow = fitted.corr_mat[index] * fitted.uncertainty * (shift / fitted.uncertainty[index])
    moved = likelihood.fit({index: fitted.bestfit[index] + shift}, fitted.bestfit + follow, errors=False)
    return float(moved.bestfit[likelihood.poi] - fitted.bestfit[likelihood.poi])
