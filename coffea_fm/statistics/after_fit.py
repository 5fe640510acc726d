"""What a fit says of the events: backgrounds with their errors, goodness of fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from coffea_fm.statistics.likelihood import Fitted, Likelihood
from coffea_fm.statistics.yields import Floats


@dataclass(frozen=True)
class Expected:
    """Events expected in one channel.

    Parameters
    ----------
    samples : dict of str to float64 [n_bins]
        By process.
    error : float64 [n_bins]
        Of their sum, with all correlations.
    """

    samples: dict[str, Floats]
    error: Floats


def backgrounds_after(likelihood: Likelihood, fitted: Fitted, signal: str) -> dict[str, Expected]:
    """Backgrounds of each channel after a fit.

    Parameters
    ----------
    likelihood, fitted : Likelihood, Fitted
        The model and its parameters.
    signal : str
        The sample to leave out.
    """
    config, main = likelihood.model.config, likelihood.model.main_model
    rows = [row for row, name in enumerate(config.samples) if name != signal]

    def by_sample(parameters: Floats) -> Floats:
        return np.asarray(main.expected_data(parameters, return_by_sample=True))[rows]

    samples = by_sample(fitted.values)
    changes = np.array([(by_sample(fitted.values + step) - samples).sum(axis=0) for step in np.diag(fitted.errors)])
    scale = np.where(fitted.errors > 0, fitted.errors, 1)
    correlation = fitted.covariance / np.outer(scale, scale)
    errors = np.sqrt(np.maximum(np.einsum("ib,ij,jb->b", changes, correlation, changes), 0))
    return {
        name: Expected(dict(zip((config.samples[row] for row in rows), samples[:, part], strict=True)), errors[part])
        for name, part in config.channel_slices.items()
    }


def goodness(likelihood: Likelihood, fitted: Fitted) -> float:
    """p-value of a fit, against a model with a free parameter for each bin.

    The statistic is twice the logarithm of the ratio of the Poisson likelihoods, with the squared pulls of the
    constrained parameters; its degrees of freedom are the bins less the free parameters.
    """
    config = likelihood.model.config
    parameters = map(config.param_set, config.par_order)
    free = sum(parameter.n_parameters for parameter in parameters if not parameter.constrained)
    return float(chi2.sf(fitted.twice_nll, max(config.nmaindata - free, 1)))
