"""The end of an analysis: from the histograms of a run to limits, pulls, impacts and figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coffea_fm.errors import InputError
from coffea_fm.running.outputs import read_histograms
from coffea_fm.statistics.closure import close
from coffea_fm.statistics.draw import Figures, draw_closure, draw_regions, draw_shown
from coffea_fm.statistics.figures import impacts_figure, limits_figure
from coffea_fm.statistics.fits import Likelihood, impacts
from coffea_fm.statistics.limits import Limit, expected_limit, observed_limit
from coffea_fm.statistics.prediction import Prediction, predict
from coffea_fm.statistics.pseudo_data import as_counts
from coffea_fm.statistics.settings import FitSettings, Plane, Shown
from coffea_fm.statistics.workspace import make_workspace
from coffea_fm.statistics.yields import DATA, Filled

_MASS = re.compile(r"X(\d+)")
_FB_PER_PB = 1e3


@dataclass(frozen=True)
class Inputs:
    """What a run of the processor left.

    Parameters
    ----------
    histograms : dict of str to Filled
        Those that the settings name.
    luminosity : float
        fb⁻¹
    cross_sections : dict of str to list of float
        By process, pb: one each, unless datasets disagree.
    """

    histograms: dict[str, Filled]
    luminosity: float
    cross_sections: dict[str, list[float]]

    def cross_section(self, signal: str) -> float:
        """Of mu = 1, fb.

        Raises
        ------
        InputError
            If the run had no such signal, or gave it several.
        """
        found = self.cross_sections.get(signal, [])
        if len(found) != 1:
            raise InputError(
                f"the run has {len(found)} cross sections of the signal {signal!r} instead of one; "
                f"its processes are {', '.join(self.cross_sections)}"
            )
        return found[0] * _FB_PER_PB


def read_inputs(folder: Path, settings: FitSettings, seed: int) -> Inputs:
    """Read ``histograms.zip`` and ``cutflow.json`` of a folder that ``coffea-fm run`` wrote.

    Parameters
    ----------
    folder : Path
        Where they are.
    settings : FitSettings
        Which histograms are needed.
    seed : int
        For the counts of pseudo-data.

    Raises
    ------
    InputError
        If they are not there, lack a histogram, or were made with several luminosities.
    """
    found = read_histograms(folder / "histograms.zip")
    parts: list[Plane | Shown] = [*settings.planes.values(), *settings.figures.values()]
    wanted = sorted({part.histogram for part in parts})
    for name in wanted:
        if name not in found:
            raise InputError(f"{folder} has no histogram {name!r}: it has {', '.join(found)}")
    try:
        counts = json.loads((folder / "cutflow.json").read_text())
        (luminosity,) = counts["luminosity"]
        sections = counts["cross_section"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{folder / 'cutflow.json'} does not give one luminosity and the cross sections: run the processor again over "
            "all datasets with the same options"
        ) from error
    return Inputs({name: Filled(as_counts(found[name], seed), name) for name in wanted}, luminosity, sections)


@dataclass(frozen=True)
class Analysis:
    """A background prediction with its closure, ready for signals.

    Parameters
    ----------
    inputs : Inputs
        Of the run.
    settings : FitSettings
        Of the fit.
    observe : bool
        Whether the signal regions have data, and they are to be looked at.
    """

    inputs: Inputs
    settings: FitSettings
    observe: bool

    def predictions(self) -> dict[str, Prediction]:
        """By plane; those whose histogram was never filled with background are left out.

        Raises
        ------
        InputError
            If that are all, or data are asked for that are blinded.
        """
        found = {}
        for name, plane in self.settings.planes.items():
            filled = self.inputs.histograms[plane.histogram]
            if filled.get(self.settings.multijet, plane.shape).total > 0:
                found[name] = predict(plane, filled, self.settings, name)
        if not found:
            raise InputError(
                "no histogram of the fit has multijet events in its control regions: was any background analysed?"
            )
        signal_regions = [
            (found[name], category.signal) for name in found for category in found[name].plane.categories.values()
        ]
        if self.observe and not any(prediction.yields(DATA, region).total for prediction, region in signal_regions):
            raise InputError(
                "there are no data in the signal regions: run the processor with unblind=true over data, too"
            )
        return found

    def run(self, signals: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any], Figures]:
        """Fit every signal.

        Returns
        -------
        account : dict
            Plain numbers of everything.
        workspaces : dict of str to dict
            By signal.
        figures : iterator of tuple of str and matplotlib.figure.Figure
            Drawn one after the other.
        """
        predictions = self.predictions()
        closures = close(predictions, self.settings)
        uncertainties = {category: closure.uncertainty for category, closure in closures.items()}
        account: dict[str, Any] = {
            "luminosity_fb": self.inputs.luminosity,
            "closure": {
                name: {
                    "ratio": test.ratio,
                    "error": test.ratio_error,
                    "p_value": test.p_value,
                    "uncertainty": test.uncertainty,
                }
                for name, test in closures.items()
            },
            "bins": {name: self._bins(prediction) for name, prediction in predictions.items()},
            "signals": {},
        }
        workspaces, figures, limits = {}, [draw_closure(closures, predictions)], {}
        for signal in signals:
            cross_section = self.inputs.cross_section(signal)
            workspace = make_workspace(predictions, self.settings, signal, uncertainties, observe=self.observe)
            likelihood = Likelihood.of(workspace)
            limit = expected_limit(likelihood)
            if self.observe:
                limit = observed_limit(likelihood, limit)
            with_signal = likelihood.asimov(1.0)
            asimov = with_signal.fit()
            moved = impacts(with_signal, asimov)
            fitted = likelihood.fit()
            workspaces[signal], limits[signal] = workspace, limit
            account["signals"][signal] = {
                "cross_section_fb": cross_section,
                "expected": limit.expected,
                "expected_fb": [cross_section * value for value in limit.expected],
                "observed": limit.observed,
                "mu": [float(fitted.values[likelihood.poi]), float(fitted.errors[likelihood.poi])]
                if self.observe
                else None,
                "p_value": likelihood.goodness(fitted) if self.observe else None,
                "asimov_mu": [float(asimov.values[likelihood.poi]), float(asimov.errors[likelihood.poi])],
                "impacts": {name: asdict(impact) for name, impact in moved.items()},
            }
            strength = (signal, limit.median)
            common: dict[str, Any] = {"luminosity": self.inputs.luminosity}
            regions = draw_regions(predictions, likelihood, fitted, strength, observe=self.observe, **common)
            shown = draw_shown(self.inputs.histograms, self.settings, strength, **common)
            title = f"Asimov data, {signal}, μ = 1"
            figures += [
                _named(signal, regions),
                _named(signal, shown),
                iter([(f"{signal}_impacts", impacts_figure(moved, list(likelihood.constrained()), title=title))]),
            ]
            if self.observe:
                seen = impacts(likelihood, fitted)
                account["signals"][signal]["pulls"] = {name: asdict(impact) for name, impact in seen.items()}
                title = f"Data, {signal}"
                figures.append(
                    iter([(f"{signal}_pulls", impacts_figure(seen, list(likelihood.constrained()), title=title))])
                )
        figures.append(self._band(limits))
        return account, workspaces, (pair for part in figures for pair in part)

    def _bins(self, prediction: Prediction) -> dict[str, Any]:
        """Edges of the bins of the signal regions, and the effective events of their backgrounds."""
        plane, found = prediction.plane, {}
        for category, regions in plane.categories.items():
            background = prediction.predicted(category)
            for process in self.settings.backgrounds:
                background = background + prediction.yields(process, regions.signal)
            found[category] = {
                "edges": prediction.edges_of(regions.signal).tolist(),
                "background": background.values.tolist(),
                "effective_events": background.effective_events.tolist(),
            }
        return found

    def _band(self, limits: Mapping[str, Limit]) -> Figures:
        """Limits by mass, where there are several masses."""
        by_mass = {float(match[1]): name for name in limits if (match := _MASS.fullmatch(name))}
        sections = {self.inputs.cross_section(name) for name in by_mass.values()}
        if len(by_mass) > 1 and len(sections) == 1:
            found = {mass: limits[name] for mass, name in by_mass.items()}
            yield "limits", limits_figure(found, sections.pop(), luminosity=self.inputs.luminosity)


def _named(signal: str, figures: Figures) -> Figures:
    return ((f"{signal}_{name}", figure) for name, figure in figures)
