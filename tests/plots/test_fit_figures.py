from __future__ import annotations

import numpy as np
import pytest
from cabinetry import visualize
from cabinetry.fit.results_containers import FitResults, LimitResults

from coffea_fm.plots.fit_limits import limits_figure
from coffea_fm.plots.fit_parameters import correlations_figure, pulls_figure
from coffea_fm.plots.fit_stack import region_figure
from coffea_fm.plots.style import Label

EDGES = np.array([50.0, 100.0, 150.0, 250.0])


def limit(scale: float, observed: float = np.nan) -> LimitResults:
    expected = scale * np.array([0.5, 0.7, 1.0, 1.4, 2.0])
    levels = np.tile(np.linspace(0.01, 0.09, 5), (5, 1))
    return LimitResults(observed, expected, np.full(5, observed), levels, expected, 0.95)


def lines(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


@pytest.mark.parametrize("observed", [np.nan, 3.0])
def test_limits_are_drawn_as_cross_sections(observed):
    limits = {1500.0: (20.0, limit(2.0, observed)), 1000.0: (10.0, limit(1.0, observed))}
    figure = limits_figure(limits, mass="m", cross_section="S [fb]", label=Label(energy=13.0, luminosity=138.0))
    (axes,) = figure.axes
    np.testing.assert_allclose(lines(axes)["median expected"], [10.0, 40.0])
    assert ("observed" in lines(axes)) == np.isfinite(observed)
    assert axes.get_ylabel() == "95% CL limit on S [fb]"
    assert axes.get_title(loc="right") == "138 fb$^{-1}$ (13 TeV)"


def test_figures_of_cabinetry_take_our_results():
    assert visualize.limit(limit(1.0, 3.0), save_figure=False).axes
    results = FitResults(
        np.array([0.3, -0.2, 1.0]), np.array([0.9, 0.8, 0.1]), ["a", "b", "c"], np.full((3, 3), 0.5), 0
    )
    labels = [label.get_text() for label in pulls_figure(results, ["b", "a"]).axes[0].get_yticklabels()]
    assert labels == ["b", "a"]
    assert len(correlations_figure(results, ["a", "c"]).axes[0].get_xticklabels()) == 2


@pytest.mark.parametrize("data", [None, np.array([9.0, 4.0, 0.0])])
def test_a_region_without_background_in_a_bin(data):
    backgrounds = {"TT": np.array([2.0, 1.0, 0.0]), "multijet": np.array([8.0, 3.0, 0.0])}
    signal = ("X", 0.5, np.array([0.0, 2.0, 0.1]))
    figure = region_figure(
        EDGES, backgrounds, np.ones(3), signal, data, text="tight", quantity="Mass [GeV]", label=Label()
    )
    main, below = figure.axes
    assert main.get_ylabel() == "Events / GeV"
    assert below.get_xlabel() == "Mass [GeV]"
    shown = main.get_legend_handles_labels()[1]
    assert ("data" in shown) == (data is not None)
