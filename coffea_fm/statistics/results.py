"""What the fits of one signal give."""

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
    """One fit with everything that moves it.

    Parameters
    ----------
    results : cabinetry.fit.FitResults
        Best values; the interval of mu is in ``minos_uncertainty``.
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
    """All that is known of one signal.

    Parameters
    ----------
    cross_section : float
        Of mu = 1, fb.
    mass : float, optional
        GeV
    workspace : dict
        For pyhf.
    likelihood : Likelihood
        Of the workspace.
    limit : cabinetry.fit.LimitResults
        On mu.
    expected : Fit
        Of what is expected with a signal as strong as the expected limit: with weaker ones, mu may be at its bound.
    postfit : cabinetry.fit.FitResults
        The fit of the observations: data, or what is expected without signal where they are blinded.
    observed : Fit, optional
        The same for data that are not blinded.
    injections : list of Injection
        Fits of toys, if any were asked for.
    remarks : list of str
        What to know before any of these is quoted, one sentence each.
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
