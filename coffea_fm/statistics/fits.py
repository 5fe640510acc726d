"""Fits of a workspace: parameters with errors, pulls, impacts, goodness of fit."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyhf
from scipy.stats import chi2

from coffea_fm.errors import InputError
from coffea_fm.statistics.workspace import POI
from coffea_fm.statistics.yields import Floats

_LOGGER = logging.getLogger("pyhf.optimize.mixins")
_STRATEGIES = (1, 2)
"""Of Minuit: the second, slower and more careful, where the first does not converge."""


@dataclass(frozen=True)
class Fitted:
    """Best values of all parameters.

    Parameters
    ----------
    values, errors : float64 [n_parameters]
        In the order of the model; the errors are those of the Hesse matrix.
    covariance : float64 [n_parameters, n_parameters]
        Of the errors.
    twice_nll : float
        Twice the negative logarithm of the likelihood there.
    """

    values: Floats
    errors: Floats
    covariance: Floats
    twice_nll: float


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


@dataclass(frozen=True)
class Likelihood:
    """A model with what it is to be compared with.

    Parameters
    ----------
    model : pyhf.Model
        Of the workspace.
    data : float64 [n_bins + n_auxiliary]
        Events by bin, and auxiliary data.
    """

    model: Any
    data: Floats

    @classmethod
    def of(cls, workspace: Mapping[str, Any]) -> Likelihood:
        """The likelihood of a workspace, with its observations."""
        with minuit():
            opened = pyhf.Workspace(workspace)
            model = opened.model(
                modifier_settings={"histosys": {"interpcode": "code4p"}, "normsys": {"interpcode": "code4"}}
            )
            return cls(model, np.array(opened.data(model)))

    def asimov(self, mu: float) -> Likelihood:
        """The same model with the data that it expects before any fit, at that strength of the signal."""
        with minuit():
            parameters = np.array(self.model.config.suggested_init())
            parameters[self.model.config.poi_index] = mu
            return Likelihood(self.model, np.array(self.model.expected_data(parameters)))

    def fit(self, fixed: Mapping[int, float] | None = None, start: Floats | None = None) -> Fitted:
        """Maximise the likelihood.

        Parameters
        ----------
        fixed : mapping of int to float, optional
            Parameters that are held, by their position.
        start : float64 [n_parameters], optional
            Where to start; the model's own start by default.

        Raises
        ------
        InputError
            If the fit does not converge.
        """
        begin = np.array(self.model.config.suggested_init()) if start is None else start.copy()
        held = list(self.model.config.suggested_fixed())
        for index, value in (fixed or {}).items():
            begin[index], held[index] = value, True
        for strategy in _STRATEGIES:
            with minuit(strategy):
                try:
                    values, twice_nll, details = pyhf.infer.mle.fit(
                        self.data,
                        self.model,
                        begin.tolist(),
                        fixed_params=held,
                        return_uncertainties=True,
                        return_fitted_val=True,
                        return_result_obj=True,
                    )
                    break
                except pyhf.exceptions.FailedMinimization:
                    continue
        else:
            raise InputError(
                "the fit does not converge: merge more bins with minimal_effective_events, or leave out a systematic "
                "that has too few events behind it"
            )
        best, errors = np.asarray(values).T
        return Fitted(best, errors, np.asarray(details.minuit.covariance), float(twice_nll))

    def backgrounds(self, fitted: Fitted, signal: str) -> dict[str, Expected]:
        """What is expected in each channel after a fit, without the signal."""
        config = self.model.config
        rows = [row for row, name in enumerate(config.samples) if name != signal]

        def by_sample(parameters: Floats) -> Floats:
            return np.asarray(self.model.main_model.expected_data(parameters, return_by_sample=True))[rows]

        with minuit():
            samples = by_sample(fitted.values)
            moved = [(by_sample(fitted.values + step) - samples).sum(axis=0) for step in np.diag(fitted.errors)]
        scale = np.where(fitted.errors > 0, fitted.errors, 1)
        correlation = fitted.covariance / np.outer(scale, scale)
        changes = np.array(moved)
        errors = np.sqrt(np.maximum(np.einsum("ib,ij,jb->b", changes, correlation, changes), 0))
        return {
            name: Expected(
                dict(zip((config.samples[row] for row in rows), samples[:, part], strict=True)), errors[part]
            )
            for name, part in config.channel_slices.items()
        }

    @property
    def poi(self) -> int:
        """Position of the signal's strength."""
        return int(self.model.config.poi_index)

    def constrained(self) -> dict[str, int]:
        """Positions of the parameters that an auxiliary measurement constrains, without those of single bins."""
        config = self.model.config
        names = [
            name
            for name in config.par_order
            if config.param_set(name).constrained and config.param_set(name).n_parameters == 1
        ]
        return {name: config.par_slice(name).start for name in names if not name.startswith("statistics_")}

    def transfers(self) -> dict[str, int]:
        """Positions of the free parameters that are neither the signal's strength nor of single bins."""
        config = self.model.config
        names = [name for name in config.par_order if not config.param_set(name).constrained and name != POI]
        return {name: config.par_slice(name).start for name in names if name.startswith("transfer_")}

    def goodness(self, fitted: Fitted) -> float:
        """p-value of a fit against a model with a free parameter for each bin."""
        with minuit():
            expected = np.asarray(self.model.expected_actualdata(fitted.values))
        seen = self.data[: len(expected)]
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.where(seen > 0, seen * np.log(seen / expected), 0.0)
        pulls = [((fitted.values[index]) / 1.0) ** 2 for index in self.constrained().values()]
        config = self.model.config
        free = sum(
            config.param_set(name).n_parameters for name in config.par_order if not config.param_set(name).constrained
        )
        return float(chi2.sf(2 * np.sum(expected - seen + logarithm) + np.sum(pulls), max(len(seen) - free, 1)))


@dataclass(frozen=True)
class Impact:
    """One parameter in a fit.

    Parameters
    ----------
    pull, constraint : float
        Best value and error, in units of the error before the fit; of a free parameter as they are.
    up, down : float
        Change of the signal's strength where the parameter is held one error above and below.
    """

    pull: float
    constraint: float
    up: float
    down: float

    @property
    def size(self) -> float:
        """The larger change."""
        return max(abs(self.up), abs(self.down))


def impacts(likelihood: Likelihood, fitted: Fitted) -> dict[str, Impact]:
    """Pull and impact of each systematic uncertainty, the largest first; those of single bins are left out."""
    found = {}
    for name, index in {**likelihood.constrained(), **likelihood.transfers()}.items():
        value, error = fitted.values[index], fitted.errors[index]
        changes = [
            likelihood.fit({index: value + sign * error}, fitted.values).values[likelihood.poi]
            - fitted.values[likelihood.poi]
            for sign in (1, -1)
        ]
        found[name] = Impact(float(value), float(error), float(changes[0]), float(changes[1]))
    return dict(sorted(found.items(), key=lambda item: -item[1].size))


@contextmanager
def minuit(strategy: int = 1) -> Iterator[None]:
    """Pyhf with numpy and Minuit, which gives errors, and afterwards as it was; failures are told by exceptions alone."""
    before, level = pyhf.get_backend(), _LOGGER.level
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(strategy=strategy))
    _LOGGER.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        pyhf.set_backend(*before)
        _LOGGER.setLevel(level)
