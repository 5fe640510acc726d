"""The end of an analysis: background prediction with its closure, then limit, pulls and impacts of each signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coffea_fm.errors import InputError
from coffea_fm.statistics.closure import Closure, close
from coffea_fm.statistics.impacts import Impact, impacts
from coffea_fm.statistics.inputs import Inputs
from coffea_fm.statistics.likelihood import Fitted, Likelihood
from coffea_fm.statistics.limits import Limit, expected_limit, observed_limit
from coffea_fm.statistics.prediction import Prediction, predict
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.workspace import make_workspace
from coffea_fm.statistics.yields import DATA


@dataclass(frozen=True)
class SignalResult:
    """All that is known of one signal.

    Parameters
    ----------
    cross_section : float
        Of mu = 1, fb.
    workspace : dict
        For pyhf.
    likelihood : Likelihood
        Of the workspace.
    limit : Limit
        On mu.
    asimov : Fitted
        The fit of what is expected with a signal as strong as the expected limit: weaker ones may be within the
        error of mu from zero, its bound, where errors mean little.
    impacts : dict of str to Impact
        In that fit.
    fitted : Fitted
        The fit of the observations: data, or what is expected without signal where they are blinded.
    pulls : dict of str to Impact
        In the fit of data; empty where they are blinded.
    """

    cross_section: float
    workspace: dict[str, Any]
    likelihood: Likelihood
    limit: Limit
    asimov: Fitted
    impacts: dict[str, Impact]
    fitted: Fitted
    pulls: dict[str, Impact]


@dataclass(frozen=True)
class Analysis:
    """A predicted background, ready for signals; made by `prepare`.

    Parameters
    ----------
    inputs : Inputs
        Of the run.
    settings : FitSettings
        Of the fit.
    observe : bool
        Whether the data in the signal regions are looked at.
    predictions : mapping of str to Prediction
        By plane.
    closures : mapping of str to Closure
        By category.
    """

    inputs: Inputs
    settings: FitSettings
    observe: bool
    predictions: Mapping[str, Prediction]
    closures: Mapping[str, Closure]

    def fit(self, signal: str) -> SignalResult:
        """Limit, fits and impacts of a signal.

        Raises
        ------
        InputError
            If the run has no such signal, or the settings call it a background.
        """
        if signal in (self.settings.multijet, *self.settings.backgrounds):
            raise InputError(f"{signal} is a background in the settings of the fit: it cannot be the signal as well")
        cross_section = self.inputs.cross_section(signal)
        workspace = make_workspace(self.predictions, self.settings, signal, self.closures, observe=self.observe)
        likelihood = Likelihood.of(workspace)
        limit = expected_limit(likelihood)
        with_signal = likelihood.asimov(limit.median)
        asimov, fitted = with_signal.fit(), likelihood.fit()
        moved, pulls = impacts(with_signal, asimov), {}
        if self.observe:
            limit, pulls = observed_limit(likelihood, limit), impacts(likelihood, fitted)
        return SignalResult(cross_section, workspace, likelihood, limit, asimov, moved, fitted, pulls)

    def left_out(self, signals: Iterable[str]) -> dict[str, list[str]]:
        """Names that settings and histograms do not share, lest a misspelt one be missed.

        Returns
        -------
        dict of str to list of str
            ``processes`` of the run that no fit has; ``backgrounds`` and ``systematics`` of the settings that no
            histogram of the fit has.
        """
        filled = [self.inputs.histograms[prediction.plane.histogram] for prediction in self.predictions.values()]
        run = {process for histogram in filled for process in histogram.processes}
        variations = {name for histogram in filled for name in histogram.variations}
        fitted = {self.settings.multijet, DATA, *self.settings.backgrounds, *signals}
        return {
            "processes": sorted(run - fitted),
            "backgrounds": [name for name in self.settings.backgrounds if name not in run],
            "systematics": [
                name for name in self.settings.systematics if not {name, f"{name}_up", f"{name}_down"} & variations
            ],
        }


def prepare(inputs: Inputs, settings: FitSettings, *, observe: bool) -> Analysis:
    """Predict the background of every plane whose control regions are filled, and test the prediction.

    Raises
    ------
    InputError
        If no plane is filled, or data are to be observed that are blinded.
    """
    predictions = {}
    for name, plane in settings.planes.items():
        filled = inputs.histograms[plane.histogram]
        if filled.get(settings.multijet, plane.shape).total > 0:
            predictions[name] = predict(plane, filled, settings, name)
    if not predictions:
        raise InputError(
            "no histogram of the fit has multijet events in its control regions: was any background analysed?"
        )
    seen = [
        prediction.yields(DATA, category.signal).total
        for prediction in predictions.values()
        for category in prediction.plane.categories.values()
    ]
    if observe and not any(seen):
        raise InputError("there are no data in the signal regions: run the processor with unblind=true, over data too")
    return Analysis(inputs, settings, observe, predictions, close(predictions, settings))
