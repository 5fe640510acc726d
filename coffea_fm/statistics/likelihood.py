"""The likelihood of a workspace, maximised as a least-squares problem: its terms are squares of signed deviances."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import iminuit
import numpy as np
import pyhf
from cabinetry.fit.results_containers import FitResults
from cabinetry.model_utils import unconstrained_parameter_count
from scipy.linalg import pinvh
from scipy.optimize import least_squares
from scipy.stats import chi2

from coffea_fm.arrays import BoolArray, DoubleArray
from coffea_fm.errors import InputError
from coffea_fm.statistics.deviance import Deviance
from coffea_fm.statistics.jacobian import Jacobian

_METHODS, _STRATEGIES = ("dogbox", "trf"), (1, 2)
"""Of SciPy, and of Minuit; each is tried where those before do not converge."""
_TOLERANCE, _LARGEST_DISTANCE = 1e-9, 1e-4
"""Of the fit, and of what twice the log-likelihood may be away from its best."""
_STEP, _STEP_OF_LARGEST = 0.01, 1e-5
_ASIMOV = 1e-6


@dataclass(frozen=True)
class Likelihood:
    """A model together with data.

    Parameters
    ----------
    model : pyhf.Model
        Model of the workspace.
    deviance : Deviance
        Distributions of the data.
    jacobian : Jacobian
        Derivatives of the expected data.
    data : float64 [n_bins + n_auxiliary]
        Events per bin, then auxiliary data.
    """

    model: Any
    deviance: Deviance
    jacobian: Jacobian
    data: DoubleArray

    @classmethod
    def of(cls, workspace: Mapping[str, Any]) -> Likelihood:
        """The likelihood of a workspace, with its observations."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)  # which pyhf 0.7 uses
            opened = pyhf.Workspace(workspace)
            codes = {"histosys": {"interpcode": "code4p"}, "normsys": {"interpcode": "code4"}}
            model = opened.model(modifier_settings=codes)
            steps, begin = _steps(model.config), np.array(model.config.suggested_init())
            return cls(model, Deviance.of(model), Jacobian.of(model, steps, begin), np.array(opened.data(model)))

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
        """Twice the negative log-likelihood relative to the saturated model, which matches every number."""
        return float(np.sum(self._residuals(parameters) ** 2))

    def gradient(self, parameters: DoubleArray) -> DoubleArray:
        """Derivatives of `twice_nll`, float64 [n_parameters]."""
        first, _ = self.deviance.curvature(self._expected(parameters), self.data)
        return np.asarray(first @ self.jacobian(parameters))

    def hessian(self, parameters: DoubleArray) -> DoubleArray:
        """Second derivatives of `twice_nll`, float64 [n_parameters, n_parameters]."""
        first, second = self.deviance.curvature(self._expected(parameters), self.data)
        jacobian = self.jacobian(parameters)
        found = jacobian.T @ (second[:, np.newaxis] * jacobian)
        if np.abs(first).max() > _ASIMOV:
            found = found + self.jacobian.of_sum(parameters, first)
        return np.asarray(found)

    def _expected(self, parameters: DoubleArray) -> DoubleArray:
        return np.asarray(self.model.expected_data(parameters))

    def _residuals(self, parameters: DoubleArray) -> DoubleArray:
        return self.deviance.residuals(self._expected(parameters), self.data)

    def _slopes(self, parameters: DoubleArray) -> DoubleArray:
        slopes = self.deviance.slopes(self._expected(parameters), self.data)
        return slopes[:, np.newaxis] * self.jacobian(parameters)

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
        config, fixed = self.model.config, fixed or {}
        begin = np.array(config.suggested_init() if start is None else start, dtype=np.float64)
        begin[list(fixed)] = list(fixed.values())
        free = np.array([not always and at not in fixed for at, always in enumerate(config.suggested_fixed())])
        best = self._minimum(begin, free)
        uncertainty, correlation = np.zeros(len(best)), np.eye(len(best))
        if errors:
            uncertainty[free], correlation[np.ix_(free, free)] = _errors(self.hessian(best)[np.ix_(free, free)])
        twice_nll, freedom = self.twice_nll(best), config.nmaindata - unconstrained_parameter_count(self.model)
        p_value = float(chi2.sf(twice_nll, freedom)) if freedom > 0 else np.nan
        return FitResults(best, uncertainty, list(config.par_names), correlation, twice_nll, p_value)

    def _minimum(self, begin: DoubleArray, free: BoolArray) -> DoubleArray:
        low, high = (bound[free] for bound in self._bounds)

        origin = begin.copy()
        origin[free] = np.clip(begin[free], low, high)

        def moved(change: DoubleArray) -> DoubleArray:
            parameters = origin.copy()
            parameters[free] += change
            return parameters

        for method in _METHODS:
            found = least_squares(
                lambda change: self._residuals(moved(change)),
                np.zeros(len(low)),  # so that the first region of trust is one standard deviation
                lambda change: self._slopes(moved(change))[:, free],
                (low - origin[free], high - origin[free]),
                method,
                *(_TOLERANCE,) * 3,
                x_scale="jac",
            )
            inside = found.active_mask == 0
            towards = np.linalg.lstsq(found.jac[:, inside], found.fun)[0]
            best = moved(found.x)
            best[free] = np.clip(best[free], low, high)  # fixed parameters may be outside
            if np.sum((found.jac[:, inside] @ towards) ** 2) < _LARGEST_DISTANCE:
                return best
        return self._minimum_by_minuit(best, free)

    def _minimum_by_minuit(self, begin: DoubleArray, free: BoolArray) -> DoubleArray:
        """For the rare fit whose squares are too far from zero, or too curved, for a method of least squares."""
        fit = iminuit.Minuit(self.twice_nll, begin, grad=self.gradient)
        low, high = self._bounds
        fit.limits = list(zip(np.where(free, low, -np.inf), np.where(free, high, np.inf), strict=True))
        fit.fixed = list(~free)
        fit.errors = list(self.jacobian.steps)
        fit.errordef = iminuit.Minuit.LEAST_SQUARES
        for fit.strategy in _STRATEGIES:
            fit.migrad()
            fit.hesse()  # gives Minuit a reliable distance to the minimum for strongly correlated parameters
            if fit.valid:
                return np.array(fit.values)
        raise InputError(
            "the fit does not converge: merge more bins with minimal_effective_events, or remove a systematic that has "
            "too few events"
        )

    @property
    def _bounds(self) -> tuple[DoubleArray, DoubleArray]:
        """Lower and upper bounds of the parameters; the signal strength has no upper one."""
        low, high = np.array(self.model.config.suggested_bounds(), dtype=np.float64).T
        high[self.poi] = np.inf
        return low, high

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


def _steps(config: Any) -> DoubleArray:
    """Initial steps of the parameters: their errors if constrained, otherwise a small fraction of their range."""
    steps: list[float] = []
    for name in config.par_order:
        parameter = config.param_set(name)
        steps += parameter.width() if parameter.constrained else [_STEP] * parameter.n_parameters
    steps[config.poi_index] = config.suggested_bounds()[config.poi_index][1] * _STEP_OF_LARGEST
    return np.array(steps)


def _errors(hessian: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Errors and correlations from the second derivatives of twice the negative log-likelihood."""
    scale = np.sqrt(np.maximum(np.diag(hessian), np.finfo(np.float64).tiny))
    covariance = 2 * pinvh(hessian / np.outer(scale, scale)) / np.outer(scale, scale)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    known = np.where(errors > 0, errors, 1)
    return errors, covariance / np.outer(known, known)
