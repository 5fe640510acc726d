from __future__ import annotations

import hist
import numpy as np
import pytest

from coffea_fm.errors import InputError
from coffea_fm.plots.categories import comparisons


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


def varied() -> hist.Hist:
    """Two processes with a variation of the rate, data without, and a process that is a variation itself."""
    made = hist.Hist(
        hist.axis.StrCategory([], growth=True, name="process"),
        hist.axis.StrCategory([], growth=True, name="variation"),
        hist.axis.Regular(2, 0, 1, name="value"),
    )
    for process in ("tt", "QCD"):
        made.fill(process, "nominal", [0.1, 0.9])
        made.fill(process, "rateUp", [0.1, 0.9], weight=1.1)
        made.fill(process, "rateDown", [0.1, 0.9], weight=0.9)
    made.fill("tt", "tune", [0.1, 0.1])
    made.fill("data", "nominal", [0.1] * 7)
    return made


def test_one_comparison_for_each_axis_with_more_than_one_filled_category():
    (compared,) = comparisons(histogram())
    assert (compared.kind, compared.name) == ("processes", "dataset")
    assert list(compared.parts) == ["data", "simulation"]
    assert compared.parts["simulation"].values() == pytest.approx([6, 2])


def test_true_classes_are_compared_rather_than_datasets():
    made = histogram()
    made.fill(dataset="simulation", truth="Hbb", value=[0.9])
    (compared,) = comparisons(made)
    assert (compared.kind, compared.name) == ("shapes", "truth")
    assert compared.parts["QCD"].values() == pytest.approx([8, 4])
    assert compared.parts["Hbb"].values() == pytest.approx([0, 1])


def test_categories_in_order_of_filling_are_sorted():
    made = hist.Hist(hist.axis.StrCategory([], growth=True, name="dataset"), hist.axis.Regular(2, 0, 1, name="value"))
    for name in ("tt", "qcd"):
        made.fill(dataset=name, value=0.5)
    assert list(comparisons(made)[0].parts) == ["qcd", "tt"]


def test_a_single_category_is_drawn_once():
    (compared,) = comparisons(histogram()[0:1, :, :])
    assert list(compared.parts) == ["all"]


def test_variations_stand_against_nominal_over_the_processes_that_have_both():
    found = {compared.by: compared for compared in comparisons(varied()) if compared.kind == "variations"}
    both, one = found["QCD, tt"], found["tt"]
    assert list(both.parts) == ["nominal", "rateDown", "rateUp"]
    assert both.parts["nominal"].values() == pytest.approx([2, 2])
    assert both.parts["rateUp"].values() == pytest.approx([2.2, 2.2])
    assert list(one.parts) == ["nominal", "tune"]
    assert one.parts["nominal"].values() == pytest.approx([1, 1])
    assert one.parts["tune"].values() == pytest.approx([2, 0])


def test_processes_are_nominal_and_not_summed_over_variations():
    (compared,) = (compared for compared in comparisons(varied()) if compared.kind == "processes")
    assert {name: part.values().tolist() for name, part in compared.parts.items()} == {
        "QCD": [1, 1],
        "data": [7, 0],
        "tt": [1, 1],
    }


def test_up_and_down_stay_together_on_figures_of_few_curves():
    made = hist.Hist(hist.axis.StrCategory([], growth=True, name="systematic"), hist.axis.Regular(2, 0, 1, name="x"))
    for name in ("nominal", "a_up", *(f"{source}_{side}" for source in "bcd" for side in ("up", "down"))):
        made.fill(name, [0.1, 0.9])
    assert [list(compared.parts) for compared in comparisons(made)] == [
        ["nominal", "a_up", "b_down", "b_up", "c_down", "c_up"],
        ["nominal", "d_down", "d_up"],
    ]


def test_variations_without_a_nominal_are_categories_like_others():
    made = hist.Hist(hist.axis.StrCategory(["up", "down"], name="variation"), hist.axis.Regular(2, 0, 1, name="x"))
    made.fill("up", [0.1]).fill("down", [0.9])
    assert [compared.kind for compared in comparisons(made)] == ["shapes"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (hist.Hist(hist.axis.Regular(2, 0, 1), hist.axis.Regular(2, 0, 1)), "2 axes besides categories"),
        (hist.Hist(hist.axis.StrCategory(["a"])), "0 axes besides categories"),
        (hist.Hist(hist.axis.Regular(2, 0, 1)), "no entries$"),
        (hist.Hist(hist.axis.Regular(2, 0, 1)).fill(np.array([5.0])), "no entries in range"),
    ],
)
def test_what_cannot_be_drawn_says_why(made, reason):
    with pytest.raises(InputError, match=reason):
        comparisons(made)
