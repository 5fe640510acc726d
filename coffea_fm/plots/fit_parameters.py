"""Parameters of a fit: ranking, pulls and correlations, drawn by cabinetry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cabinetry import visualize
from cabinetry.fit.results_containers import FitResults, RankingResults
from matplotlib.figure import Figure

from coffea_fm.plots.style import style

_MOST_RANKED = 20
_LEAST_CORRELATION = 0.05


@style()
def ranking_figure(ranking: RankingResults) -> Figure:
    """Draw the twenty largest prefit and postfit impacts on mu, with pulls."""
    return visualize.ranking(ranking, max_pars=_MOST_RANKED, close_figure=True, save_figure=False)


@style()
def pulls_figure(results: FitResults, names: Sequence[str]) -> Figure:
    """Draw pulls of constrained parameters, in units of their prefit errors.

    Parameters
    ----------
    results : cabinetry.fit.FitResults
        Fit of all parameters.
    names : sequence of str
        Parameters to show.
    """
    return visualize.pulls(_chosen(results, names), close_figure=True, save_figure=False)


@style()
def correlations_figure(results: FitResults, names: Sequence[str]) -> Figure:
    """Draw correlations of parameters, without those that have none above 0.05. See `pulls_figure`."""
    chosen = _chosen(results, names)
    return visualize.correlation_matrix(
        chosen, pruning_threshold=_LEAST_CORRELATION, close_figure=True, save_figure=False
    )


def _chosen(results: FitResults, names: Sequence[str]) -> FitResults:
    at = [results.labels.index(name) for name in names]
    return results._replace(
        bestfit=results.bestfit[at],
        uncertainty=results.uncertainty[at],
        labels=list(names),
        corr_mat=results.corr_mat[np.ix_(at, at)],
    )
