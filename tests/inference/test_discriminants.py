from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import coffea_fm
from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.discriminants import discriminant, find_working_point
from coffea_fm.schemas import PFNanoAODSchema

SCORES = ak.Array([[{"QCD": 0.2, "Hbb": 0.6, "Hcc": 0.2}], [], [{"QCD": np.nan, "Hbb": np.nan, "Hcc": np.nan}]])


def test_discriminants_add_the_scores_of_classes() -> None:
    assert discriminant(SCORES, "Hbb", "QCD")[0, 0] == pytest.approx(0.75)
    assert discriminant(SCORES, ("Hbb", "Hcc"), "QCD")[0, 0] == pytest.approx(0.8)
    assert ak.num(discriminant(SCORES, "Hbb", "QCD")).to_list() == [1, 0, 1]
    assert np.isnan(discriminant(SCORES, "Hbb", "QCD")[2, 0])


def test_a_jet_that_is_neither_has_the_lowest_discriminant() -> None:
    neither = ak.Array([{"QCD": np.float32(0), "Hbb": np.float32(0), "Hcc": np.float32(1)}])
    found = discriminant(neither, "Hbb", "QCD")
    assert found.to_list() == [0.0]
    assert found.type == neither.Hbb.type


def test_wrong_classes_are_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="there is no score 'Hbbb'; did you mean 'Hbb'"):
        discriminant(SCORES, "Hbbb", "QCD")
    with pytest.raises(InputError, match="these are jets, and not their scores"):
        discriminant(ak.Array([[{"pt": 500.0, "constituents": [{"pt": 1.0}]}]]), "Hbb", "QCD")
    with pytest.raises(InputError, match="Hbb cannot be both signal and background"):
        discriminant(SCORES, "Hbb", ("QCD", "Hbb"))


def test_working_points_are_found_by_name() -> None:
    point = WorkingPoint(
        name="Hbb_medium",
        signal=("Hbb",),
        background=("QCD",),
        cut=0.885,
        signal_efficiency=0.93,
        background_efficiency=0.01,
    )
    assert point.formula == "Hbb / (Hbb + QCD) >= 0.8850"
    calibration = Calibration(working_points=(point,))
    assert find_working_point(calibration, "Hbb_medium", "mine") is point
    with pytest.raises(BundleError, match="no working point 'Hbb_medum'; did you mean 'Hbb_medium'"):
        find_working_point(calibration, "Hbb_medum", "mine")
    with pytest.raises(BundleError, match="has no working points: measure them"):
        find_working_point(Calibration(), "Hbb_medium", "mine")


def test_the_shipped_working_point_keeps_what_it_says() -> None:
    """The cut is on the discriminant: a cut of the score at the same number keeps far fewer jets."""
    from coffea.nanoevents import NanoEventsFactory

    sample = Path(__file__).parents[2] / "samples" / "Hbb.root"
    jets = NanoEventsFactory.from_root({str(sample): "Events"}, schemaclass=PFNanoAODSchema).events().FatJet
    tagger = coffea_fm.load("jet-classifier-small")
    point = find_working_point(tagger.calibration, "Hbb_medium", "")
    passed = tagger.passes(jets, "Hbb_medium")
    assert ak.num(passed).to_list() == ak.num(jets).to_list()
    assert ak.mean(ak.flatten(passed)) == pytest.approx(point.signal_efficiency, abs=0.03)
    assert ak.mean(ak.flatten(tagger(jets).Hbb > point.cut)) < point.signal_efficiency - 0.1
