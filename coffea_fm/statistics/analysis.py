"""The statistical analysis: background prediction and closure test, then limit, fits and ranking for each signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coffea_fm.analysis.regions import DATA
from coffea_fm.errors import InputError
from coffea_fm.statistics.closure import Closure, close
from coffea_fm.statistics.injections import inject
from coffea_fm.statistics.inputs import Inputs
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.prediction import Prediction, predict
from coffea_fm.statistics.remarks import remark_on_closure, remark_on_fit
from coffea_fm.statistics.results import Fit, SignalResult
from coffea_fm.statistics.sensitivity import sensitivity
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.upper_limits import expected_limit, median, observed_limit
from coffea_fm.statistics.workspace import make_workspace


@dataclass(frozen=True)
class Analysis:
    """A predicted background, ready to be fitted with signals; created by `prepare`.

    Parameters
    ----------
    inputs : Inputs
        Histograms of the run.
    settings : FitSettings
        Settings of the fit.
    observe : bool
        Whether the data in the signal regions are used.
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

    def fit(self, signal: str, *, injections: int = 0, seed: int = 0) -> SignalResult:
        """Compute limit, fits and ranking of a signal.

        Parameters
        ----------
        signal : str
            The process with mu = 1.
        injections : int
            Number of toys to fit per signal strength; see `inject`.
        seed : int
            Random seed of the toys.

        Raises
        ------
        InputError
            If the run does not contain the signal, or the settings list it as a background.
        """
        if signal in (self.settings.multijet, *self.settings.backgrounds):
            raise InputError(f"{signal} is a background in the settings of the fit: it cannot be the signal as well")
        cross_section, mass = self.inputs.cross_section(signal), self.inputs.mass(signal)
        workspace = make_workspace(self.predictions, self.settings, signal, self.closures, observe=self.observe)
        likelihood = Likelihood.of(workspace)
        limit = expected_limit(likelihood)
        strength = median(limit)
        expected = Fit.of(likelihood.asimov(strength))
        observed = Fit.of(likelihood) if self.observe else None
        postfit = observed.results if observed else likelihood.fit()
        if observed:
            limit = observed_limit(likelihood, limit)
        tests = inject(likelihood, strength, injections, seed) if injections else []
        remarks = [
            sensitivity(self.predictions, self.settings, signal).remark(strength),
            remark_on_fit(observed.results) if observed else None,
            *(test.remark for test in tests),
        ]
        return SignalResult(
            cross_section,
            mass,
            workspace,
            likelihood,
            limit,
            expected,
            postfit,
            observed,
            tests,
            [f"{signal}: {remark}" for remark in remarks if remark],
        )

    def remarks(self) -> list[str]:
        """Caveats of the inputs and the closure for quoting limits, one sentence each."""
        closures = [remark_on_closure(name, closure.p_value) for name, closure in self.closures.items()]
        return [*self.inputs.counts.notes(), *filter(None, closures)]

    def left_out(self, signals: Iterable[str]) -> dict[str, list[str]]:
        """Names that are only in the settings or only in the histograms, to reveal spelling mistakes.

        Returns
        -------
        dict of str to list of str
            ``processes`` of the run that are in no fit; ``backgrounds`` and ``systematics`` of the settings that are in no
            histogram of the fit.
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


def prepare(inputs: Inputs, settings: FitSettings, *, observe: bool, seed: int = 0) -> Analysis:
    """Predict the background of every plane with filled control regions, and test the closure.

    Parameters
    ----------
    inputs : Inputs
        Histograms of the run.
    settings : FitSettings
        Settings of the fit.
    observe : bool
        Use the data in the signal regions.
    seed : int
        Random seed of the toys of the closure test.

    Raises
    ------
    InputError
        If no plane is filled, or the data to be observed are blinded.
    """
    predictions = {}
    for name, plane in settings.planes.items():
        filled = inputs.histograms[plane.histogram]
        if filled.get(settings.multijet, plane.C).total > 0:
            predictions[name] = predict(plane, filled, settings, name)
    if not predictions:
        raise InputError(
            "no histogram of the fit has multijet events in its control regions: were the backgrounds processed?"
        )
    seen = [
        prediction.yields(DATA, category.A).total
        for prediction in predictions.values()
        for category in prediction.plane.categories.values()
    ]
    if observe and not any(seen):
        raise InputError("there are no data in the signal regions: run the processor with unblind=true, and over data")
    return Analysis(inputs, settings, observe, predictions, close(predictions, settings, seed=seed))
