"""Results of the fits of one signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cabinetry.fit.results_containers import FitResults, LimitResults, RankingResults

from coffea_fm.statistics.injections import Injection
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.profile import with_interval
from coffea_fm.statistics.ranking import rank


@dataclass(frozen=True)
class Fit:
    """A fit with the ranking of its uncertainties.

    Parameters
    ----------
    results : cabinetry.fit.FitResults
        Best-fit values; the interval of mu is in ``minos_uncertainty``.
    ranking : cabinetry.fit.RankingResults
        Impacts of the uncertainties on mu.
    """

    results: FitResults
    ranking: RankingResults

    @classmethod
    def of(cls, likelihood: Likelihood) -> Fit:
        """Fit, and rank the uncertainties."""
        results = likelihood.fit()
        return cls(with_interval(likelihood, results), rank(likelihood, results))


@dataclass(frozen=True)
class SignalResult:
    """All results of one signal.

    Parameters
    ----------
    cross_section : float
        Cross section of mu = 1, fb.
    mass : float, optional
        GeV
    workspace : dict
        pyhf workspace.
    likelihood : Likelihood
        Likelihood of the workspace.
    limit : cabinetry.fit.LimitResults
        Limit on mu.
    expected : Fit
        Fit of Asimov data with a signal at the expected limit; for weaker signals, mu may be at its bound.
    postfit : cabinetry.fit.FitResults
        Fit of the data, or of Asimov data without signal if the data are blinded.
    observed : Fit, optional
        Fit of the data, if not blinded.
    injections : list of Injection
        Fits of toys, if requested.
    remarks : list of str
        Caveats for quoting the results, one sentence each.
    """

    cross_section: float
    mass: float | None
    workspace: dict[str, Any]
    likelihood: Likelihood
    limit: LimitResults
    expected: Fit
    postfit: FitResults
    observed: Fit | None
    injections: list[Injection]
    remarks: list[str]
