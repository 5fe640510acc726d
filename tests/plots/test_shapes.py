from __future__ import annotations

import hist
import numpy as np
import pytest
from coffea_fm.evaluation.categories import comparisons
from coffea_fm.evaluation.overlay import overlay_with_ratio


def histogram() -> hist.Hist:
    made = hist.Hist(
        hist.axis.StrCategory(["data", "empty", "simulation"], name="dataset"),
        hist.axis.StrCategory(["QCD", "Hbb"], name="truth"),
        hist.axis.Regular(2, 0, 1, name="value"),
        storage=hist.storage.Weight(),
    )
    made.fill(dataset="data", truth="QCD", value=[0.1, 0.1, 0.9, 0.9])
    made.fill(dataset="simulation", truth="QCD", value=[0.1, 0.1, 0.1, 0.9], weight=2)
    return made


def test_one_comparison_for_each_axis_with_more_than_one_filled_category():
    compared = comparisons(histogram())
    assert list(compared) == ["dataset"]
    assert list(compared["dataset"]) == ["data", "simulation"]
    assert compared["dataset"]["simulation"].values() == pytest.approx([6, 2])


def test_true_classes_are_compared_rather_than_datasets():
    made = histogram()
    made.fill(dataset="simulation", truth="Hbb", value=[0.9])
    compared = comparisons(made)
    assert list(compared) == ["truth"]
    assert compared["truth"]["QCD"].values() == pytest.approx([8, 4])
    assert compared["truth"]["Hbb"].values() == pytest.approx([0, 1])


def test_categories_in_order_of_filling_are_sorted():
    made = hist.Hist(hist.axis.StrCategory([], growth=True, name="dataset"), hist.axis.Regular(2, 0, 1, name="value"))
    for name in ("tt", "qcd"):
        made.fill(dataset=name, value=0.5)
    assert list(comparisons(made)["dataset"]) == ["qcd", "tt"]


def test_a_single_category_is_drawn_once():
    parts = comparisons(histogram()[0:1, :, :])
    assert list(parts) == ["all"]


def test_two_numeric_axes_or_no_entry_are_not_drawn():
    axis = hist.axis.Regular(2, 0, 1)
    assert comparisons(hist.Hist(axis, axis)) == {}
    assert comparisons(hist.Hist(axis)) == {}


def test_shapes_have_unit_area_and_ratios_their_errors():
    figure = overlay_with_ratio(comparisons(histogram())["dataset"])
    main, ratio = figure.axes
    (errors,) = [container for container in ratio.containers if container.has_yerr]
    points = errors.lines[0].get_ydata()
    assert points == pytest.approx([0.75 / 0.5, 0.25 / 0.5])
    lengths = [segment[1, 1] - segment[0, 1] for segment in errors.lines[2][0].get_segments()]
    assert lengths == pytest.approx(2 * np.array([np.sqrt(12) / 8, np.sqrt(4) / 8]) / 0.5)
    assert main.get_legend().get_texts()[1].get_text() == "simulation"


def test_a_single_histogram_has_no_ratio_panel():
    assert len(overlay_with_ratio({"all": histogram().project("value")}).axes) == 1
