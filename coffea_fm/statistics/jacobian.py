"""Derivatives of a pyhf model: parameters that change different bins are moved together, so that few evaluations suffice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.arrays import BoolArray, DoubleArray, IntArray

_DIFFERENCE = 1e-3
"""Step size of the numerical derivatives, in units of the initial steps of the parameters."""
_PROBE = 0.3


@dataclass(frozen=True)
class Jacobian:
    """Derivatives of the expected data with respect to the parameters.

    Most parameters belong to a single bin: the free multijet events of a bin, or its statistical error. A model with
    hundreds of parameters then needs about twenty pairs of evaluations.

    Parameters
    ----------
    model : pyhf.Model
        The model.
    steps : float64 [n_parameters]
        Initial steps of the parameters.
    affected : bool [n_data, n_parameters]
        Which data each parameter changes.
    groups : tuple of int64 array
        Parameters that change no data in common.
    """

    model: Any
    steps: DoubleArray
    affected: BoolArray
    groups: tuple[IntArray, ...]

    @classmethod
    def of(cls, model: Any, steps: DoubleArray, at: DoubleArray) -> Jacobian:
        """Find out which parameters change which data, with trial steps from a point where every sample is filled."""
        nominal = np.asarray(model.expected_data(at))
        trials = _PROBE * np.diag(steps)
        moved = [[np.asarray(model.expected_data(at + sign * trial)) for sign in (1, -1)] for trial in trials]
        affected = (np.array(moved) != nominal).any(axis=1).T
        return cls(model, steps, affected, _without_overlap(affected))

    def __call__(self, parameters: DoubleArray) -> DoubleArray:
        """The derivatives from central differences, float64 [n_data, n_parameters]."""
        found = np.zeros(self.affected.shape)
        for group in self.groups:
            step = np.zeros(len(parameters))
            step[group] = _DIFFERENCE * self.steps[group]
            above, below = (np.asarray(self.model.expected_data(parameters + sign * step)) for sign in (1, -1))
            found[:, group] = np.where(self.affected[:, group], (above - below)[:, np.newaxis], 0) / (2 * step[group])
        return found

    def of_sum(self, parameters: DoubleArray, weights: DoubleArray) -> DoubleArray:
        """Second derivatives of a weighted sum of the data, float64 [n_parameters, n_parameters]."""
        steps = _DIFFERENCE * self.steps
        nominal = weights @ self(parameters)
        rows = (
            np.array([(weights @ self(parameters + step) - nominal) for step in np.diag(steps)]) / steps[:, np.newaxis]
        )
        return np.asarray((rows + rows.T) / 2)


def _without_overlap(affected: BoolArray) -> tuple[IntArray, ...]:
    """Groups of columns that have no row in common, the fullest columns first."""
    groups: list[list[int]] = []
    taken: list[BoolArray] = []
    for column in np.argsort(-affected.sum(axis=0), kind="stable"):
        rows = affected[:, column]
        place = next((at for at, others in enumerate(taken) if not (others & rows).any()), len(groups))
        if place == len(groups):
            groups.append([])
            taken.append(np.zeros_like(rows))
        groups[place].append(int(column))
        taken[place] |= rows
    return tuple(np.array(group) for group in groups)
