"""Figures of an evaluation say how many jets they show, and their legends do not hide them."""

from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.evaluation.discrimination import roc
from coffea_fm.evaluation.draw import drawn_curve
from coffea_fm.evaluation.sculpting import efficiency_profile
from coffea_fm.plots.matrix import matrix_figure
from coffea_fm.plots.profiles import profile_figure
from coffea_fm.plots.reliability import ReliabilityCurve, reliability_figure
from coffea_fm.plots.roc import roc_figure


@pytest.fixture
def curve():
    rng = np.random.default_rng(0)
    return roc(rng.beta(3, 1, 1234), rng.beta(1, 3, 2345))


def entries(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_the_axes_of_a_roc_say_how_many_jets(curve):
    (panel,) = roc_figure({"a": drawn_curve(curve, 0.9), "b": drawn_curve(curve, 0.9)}, "QCD", signal="Hbb").axes
    assert "(1,234 jets)" in panel.get_xlabel()
    assert "(2,345 jets)" in panel.get_ylabel()
    assert entries(panel) == ["a (0.9000)", "b (0.9000)"]


def test_markers_of_a_roc_are_explained(curve):
    (panel,) = roc_figure({"Hbb": drawn_curve(curve, 0.9, [(0.5, 0.01)])}, "QCD").axes
    assert entries(panel)[-1] == "working points"
    assert panel.get_xlabel() == "Signal efficiency"


def test_curves_of_different_numbers_of_jets_do_not_share_one(curve):
    other = drawn_curve(roc(np.array([0.9, 0.8]), np.array([0.1, 0.2, 0.85])), 0.8)
    (panel,) = roc_figure({"Hbb": drawn_curve(curve, 0.9), "Tbqq": other}, "QCD").axes
    assert panel.get_ylabel() == "QCD efficiency"


def test_every_panel_of_efficiencies_has_its_legend_and_its_text():
    values = np.linspace(0, 9.9, 1100)
    profile = efficiency_profile(values, values > 5, np.arange(0.0, 11.0))
    figure = profile_figure({"mass": {"a": profile}, "pt": {"a": profile}}, text="QCD jets", legend="Tagger")
    for panel in figure.axes:
        assert entries(panel) == ["a (1,100)"]
        assert panel.get_legend().get_title().get_text() == "Tagger (jets)"
        assert [text.get_text() for text in panel.texts] == ["QCD jets"]


def test_rows_of_a_matrix_have_their_number_of_jets():
    (panel,) = matrix_figure([[1, 0]], ["QCD"], ["QCD", "Hbb"], [1200]).axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["QCD (1,200)"]


def test_the_legend_of_reliabilities_hides_no_point():
    score = np.linspace(0.15, 1, 20)
    correct = np.clip(score + np.where(np.arange(20) % 2, 0.1, -0.1), 0, 1)
    figure = reliability_figure({"as given": ReliabilityCurve(score, correct, correct, correct)}, "20 jets")
    figure.draw_without_rendering()
    (panel,) = figure.axes
    box = panel.get_legend().get_window_extent()
    points = panel.transData.transform(np.stack([score, correct], axis=1))
    assert not any(box.contains(*point) for point in points)
