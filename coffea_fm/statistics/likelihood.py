"""The likelihood of a workspace, maximised by Minuit: all parameters with their errors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyhf

from coffea_fm.errors import InputError
from coffea_fm.statistics.simulated import POI
from coffea_fm.statistics.yields import Floats

_LOGGER = logging.getLogger("pyhf.optimize.mixins")
_STRATEGIES = (1, 1, 2, 2)
"""Of Minuit, tried in turn from where the last one ended: numerical derivatives now and then mislead it."""


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
        with minuit(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)  # which pyhf 0.7 uses
            opened = pyhf.Workspace(workspace)
            codes = {"histosys": {"interpcode": "code4p"}, "normsys": {"interpcode": "code4"}}
            model = opened.model(modifier_settings=codes)
            return cls(model, np.array(opened.data(model)))

    def asimov(self, mu: float, fitted: Fitted | None = None) -> Likelihood:
        """The same model with the data that it expects at that strength of the signal, before any fit or after one."""
        with minuit():
            parameters = np.array(self.model.config.suggested_init() if fitted is None else fitted.values)
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
                except pyhf.exceptions.FailedMinimization as error:
                    begin = np.asarray(error.result.x)
        else:
            raise InputError(
                "the fit does not converge: merge more bins with minimal_effective_events, or leave out a systematic "
                "that has too few events behind it"
            )
        best, errors = np.asarray(values).T
        return Fitted(best, errors, np.asarray(details.minuit.covariance), float(twice_nll))

    @property
    def poi(self) -> int:
        """Position of the signal's strength."""
        return int(self.model.config.poi_index)

    @property
    def largest_mu(self) -> float:
        """Upper bound of the signal's strength."""
        return float(self.model.config.suggested_bounds()[self.poi][1])

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
