"""The likelihood of a workspace, maximised by Minuit with all derivatives computed in one batch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import iminuit
import numpy as np
import pyhf
from cabinetry.fit.results_containers import FitResults
from cabinetry.model_utils import unconstrained_parameter_count
from scipy.stats import chi2

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import InputError

_NOTHING = 1e-9
_ATTEMPTS = ((1, 0.1), (1, 0.1), (2, 0.1), (2, 0.1), (2, 2.0))
"""Strategy of Minuit, and its tolerance: twice the logarithm of the likelihood is at most 0.002 times that from its best."""
_QUICK = (0, 0.001)
"""The first attempt where no errors are needed: without the Hesse matrix, in an eighth of the time."""
_STEP, _STEP_OF_LARGEST = 0.01, 1e-5
_DIFFERENCE = 1e-3
"""Step size of numerical derivatives, in units of the initial steps of the fit."""


@dataclass(frozen=True)
class Likelihood:
    """A model together with data.

    Parameters
    ----------
    model : pyhf.Model
        Model of the workspace.
    batched : pyhf.Model
        The same model, batched for twice as many points as parameters, to compute all derivatives at once.
    data : float64 [n_bins + n_auxiliary]
        Events per bin, then auxiliary data.
    """

    model: Any
    batched: Any
    data: DoubleArray

    @classmethod
    def of(cls, workspace: Mapping[str, Any]) -> Likelihood:
        """The likelihood of a workspace, with its observations."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)  # which pyhf 0.7 uses
            opened = pyhf.Workspace(workspace)
            codes = {"histosys": {"interpcode": "code4p"}, "normsys": {"interpcode": "code4"}}
            model = opened.model(modifier_settings=codes)
            batched = opened.model(modifier_settings=codes, batch_size=2 * model.config.npars)
            return cls(model, batched, np.array(opened.data(model)))

    def asimov(self, mu: float, fitted: FitResults | None = None) -> Likelihood:
        """The same model with Asimov data at a given signal strength, prefit or postfit."""
        parameters = np.array(self.model.config.suggested_init() if fitted is None else fitted.bestfit)
        parameters[self.poi] = mu
        return replace(self, data=np.asarray(self.model.expected_data(parameters)))

    def toy(self, mu: float, random: np.random.Generator) -> Likelihood:
        """The same model with toy data at a given signal strength, including auxiliary data."""
        expected, config = self.asimov(mu).data, self.model.config
        drawn: list[Any] = [random.poisson(expected[: config.nmaindata])]
        for name in config.auxdata_order:
            parameter = config.param_set(name)
            auxiliary = np.asarray(parameter.auxdata, dtype=np.float64)
            width = np.where(parameter.suggested_fixed, 0, parameter.width())
            drawn.append(
                random.normal(auxiliary, width) if parameter.pdf_type == "normal" else random.poisson(auxiliary)
            )
        return replace(self, data=np.concatenate(drawn).astype(np.float64))

    def twice_nll(self, parameters: DoubleArray) -> float:
        """Twice the negative log-likelihood relative to the saturated model, which matches every bin.

        Computed as a sum of differences: with millions of events, the log-likelihood itself would have too few
        significant digits for derivatives.
        """
        return float(self._twice_nll(self.model, parameters))

    def gradient(self, parameters: DoubleArray) -> DoubleArray:
        """Derivatives of `twice_nll`, float64 [n_parameters], from central differences."""
        steps = _DIFFERENCE * np.array(self._steps)
        points = np.concatenate([parameters + sign * np.diag(steps) for sign in (1, -1)])
        above, below = self._twice_nll(self.batched, points).reshape(2, -1)
        return np.asarray((above - below) / (2 * steps))

    def _twice_nll(self, model: Any, parameters: DoubleArray) -> DoubleArray:
        seen = self.data[: model.config.nmaindata]
        expected = np.maximum(np.asarray(model.expected_actualdata(parameters)), _NOTHING)
        change = (expected - seen) / np.where(seen > 0, seen, 1)
        poisson = np.where(seen > 0, seen * (change - np.log1p(np.where(seen > 0, change, 0))), expected).sum(axis=-1)
        return np.asarray(2 * (poisson + self._largest_constraint - self._constraint(model, parameters)))

    def _constraint(self, model: Any, parameters: DoubleArray) -> DoubleArray:
        return np.asarray(model.constraint_model.logpdf(self.data[model.config.nmaindata :], parameters))

    @cached_property
    def _largest_constraint(self) -> DoubleArray:
        return self._constraint(self.model, np.array(self.model.config.suggested_init()))

    def fit(
        self, fixed: Mapping[int, float] | None = None, start: DoubleArray | None = None, *, errors: bool = True
    ) -> FitResults:
        """Maximise the likelihood.

        Parameters
        ----------
        fixed : mapping of int to float, optional
            Values of parameters to fix, by position.
        start : float64 [n_parameters], optional
            Starting values; by default those of the model.
        errors : bool
            Whether to compute errors, which takes most of the time.

        Returns
        -------
        cabinetry.fit.FitResults
            Errors are zero without `errors`. ``best_twice_nll`` is `twice_nll`, relative to the saturated model;
            ``goodness_of_fit`` is its p-value, NaN without degrees of freedom.

        Raises
        ------
        InputError
            If the fit does not converge.
        """
        config = self.model.config
        fixed = fixed or {}
        begin = np.array(config.suggested_init() if start is None else start, dtype=np.float64)
        begin[list(fixed)] = list(fixed.values())
        fit = iminuit.Minuit(self.twice_nll, begin, grad=self.gradient, name=list(config.par_names))
        fit.limits = [
            (low, None if index == self.poi else high) for index, (low, high) in enumerate(config.suggested_bounds())
        ]
        held = np.array([index in fixed or always for index, always in enumerate(config.suggested_fixed())])
        fit.fixed = held.tolist()
        fit.errors = self._steps
        fit.errordef = iminuit.Minuit.LEAST_SQUARES
        for fit.strategy, fit.tol in _ATTEMPTS if errors else (_QUICK, *_ATTEMPTS):
            fit.migrad()
            if errors:
                fit.hesse()  # gives Minuit a reliable distance to the minimum for strongly correlated parameters
            if fit.valid:
                break
        else:
            raise InputError(
                "the fit does not converge: merge more bins with minimal_effective_events, or remove a systematic "
                "that has too few events"
            )
        uncertainty = np.where(held, 0.0, fit.errors) if errors else np.zeros(len(begin))
        correlation = (
            np.array(fit.covariance.correlation()) if errors and fit.covariance is not None else np.eye(len(begin))
        )
        twice_nll, freedom = float(fit.fval or 0.0), config.nmaindata - unconstrained_parameter_count(self.model)
        p_value = float(chi2.sf(twice_nll, freedom)) if freedom > 0 else np.nan
        return FitResults(np.array(fit.values), uncertainty, list(config.par_names), correlation, twice_nll, p_value)

    @cached_property
    def _steps(self) -> list[float]:
        """Initial steps of the parameters: their errors if constrained, otherwise a small fraction of their range."""
        config = self.model.config
        steps: list[float] = []
        for name in config.par_order:
            parameter = config.param_set(name)
            steps += parameter.width() if parameter.constrained else [_STEP] * parameter.n_parameters
        steps[self.poi] = self.largest_mu * _STEP_OF_LARGEST
        return steps

    @property
    def poi(self) -> int:
        """Position of the signal strength."""
        return int(self.model.config.poi_index)

    @property
    def largest_mu(self) -> float:
        """Upper bound of the signal strength."""
        return float(self.model.config.suggested_bounds()[self.poi][1])

    def constrained(self) -> dict[str, int]:
        """Positions of the constrained parameters, except those of single bins."""
        config = self.model.config
        names = [
            name
            for name in config.par_order
            if config.param_set(name).constrained and config.param_set(name).n_parameters == 1
        ]
        return {name: config.par_slice(name).start for name in names if not name.startswith("statistics_")}

    def transfers(self) -> dict[str, int]:
        """Positions of the free parameters, except the signal strength and those of single bins."""
        config = self.model.config
        names = [name for name in config.par_order if not config.param_set(name).constrained]
        return {name: config.par_slice(name).start for name in names if name.startswith("transfer_")}
