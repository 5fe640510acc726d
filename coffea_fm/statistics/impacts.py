"""Pulls and impacts of systematic uncertainties."""

from __future__ import annotations

from dataclasses import dataclass

from coffea_fm.statistics.likelihood import Fitted, Likelihood


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
            likelihood.fit({index: value + sign * error}, fitted.values, errors=False).values[likelihood.poi]
            - fitted.values[likelihood.poi]
            for sign in (1, -1)
        ]
        found[name] = Impact(float(value), float(error), float(changes[0]), float(changes[1]))
    return dict(sorted(found.items(), key=lambda item: -item[1].size))
