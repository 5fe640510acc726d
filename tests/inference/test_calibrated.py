from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import coffea_fm
from coffea_fm.bundle import Calibration, ScoreScaling, WorkingPoint, load_bundle, save_calibration
from coffea_fm.calibration.working_points import bin_index
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.calibrated import _by_bin

CLASSES = ("QCD", "Hbb", "Tbqq")
SCALING = ScoreScaling(
    classes=CLASSES,
    temperature=2.0,
    weights=(0.5, 0.8, 1.0),
    biases=(0.2, 0.3, -0.5),
    chosen="vector",
    loss={"none": 1.0, "temperature": 0.9, "vector": 0.8},
    gain_error={"temperature": 0.01, "vector": 0.01},
    n_fitted=100,
    n_tested=100,
)
POINT = {"signal": ("Hbb",), "background": ("QCD",), "signal_efficiency": 0.5, "background_efficiency": 0.1}
BINS = {"field": "pt", "edges": (200.0, 500.0, 700.0, 1000.0), "cuts": (0.1, 0.5, 0.9)}


@pytest.fixture
def tagger(bundle: Path) -> coffea_fm.Tagger:
    points = [
        WorkingPoint(name="Hbb_flat", cut=0.5, **POINT),
        WorkingPoint(name="Hbb_binned", cut=0.5, bins=BINS, **POINT),
        WorkingPoint(name="Hbb_tau", cut=0.5, bins={**BINS, "field": "tau21"}, **POINT),
        WorkingPoint(name="Hbb_calibrated", cut=0.5, calibrated=True, **POINT),
    ]
    save_calibration(bundle, Calibration(scaling=SCALING, working_points=tuple(points)))
    return coffea_fm.load(bundle)


def test_calibration_is_applied_only_when_asked_and_only_once(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    scores = tagger(jets)
    calibrated = tagger.calibrated(scores)
    matrix = np.stack([ak.to_numpy(ak.flatten(scores[name])) for name in CLASSES], axis=1).astype(np.float64)
    powers = matrix ** np.array(SCALING.weights) * np.exp(SCALING.biases)
    expected = powers / powers.sum(axis=1, keepdims=True)
    found = np.stack([ak.to_numpy(ak.flatten(calibrated[name])) for name in CLASSES], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, equal_nan=True)
    assert calibrated.type == scores.type
    assert coffea_fm.report(calibrated) == coffea_fm.report(scores)
    assert np.nanmax(np.abs(found - matrix)) > 0.01, "the tagger's own scores are not calibrated"
    with pytest.raises(InputError, match="already calibrated"):
        tagger.calibrated(calibrated)
    with pytest.raises(InputError, match="already calibrated"):
        tagger.calibrated(calibrated[:5])
    with pytest.raises(InputError, match="is for the scores QCD, Hbb, Tbqq, found QCD"):
        tagger.calibrated(scores[["QCD"]])


def test_a_cut_follows_the_momentum_of_each_jet(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    scores = tagger(jets)
    cuts = np.array(BINS["cuts"])[np.digitize(ak.to_numpy(ak.flatten(jets.pt)), BINS["edges"][1:-1])]
    values = ak.to_numpy(ak.flatten(scores.Hbb / (scores.Hbb + scores.QCD)))
    passed = tagger.passes(jets, "Hbb_binned")
    np.testing.assert_array_equal(ak.flatten(passed), values >= cuts)
    assert not ak.all(passed == tagger.passes(jets, "Hbb_flat"))
    traced = tagger.passes(ak.to_backend(jets, "typetracer"), "Hbb_binned")
    assert traced.layout.form.type == passed.layout.form.type
    some = ak.mask(jets, jets.pt > 500)
    np.testing.assert_array_equal(
        ak.flatten(ak.is_none(tagger.passes(some, "Hbb_binned"), axis=1)), ak.flatten(ak.is_none(some, axis=1))
    )
    with pytest.raises(InputError, match=r"Hbb_tau of .* depends on tau21, which these jets do not have"):
        tagger.passes(jets, "Hbb_tau")


def test_a_jet_without_momentum_is_in_the_last_bin_as_where_it_was_measured() -> None:
    point = WorkingPoint(name="Hbb_binned", cut=0.5, bins=BINS, **POINT)
    momenta = np.array([100.0, np.nan, 1e9])
    found = _by_bin(ak.zip({"pt": momenta}), point, BINS["cuts"], "counting")
    np.testing.assert_array_equal(found, np.array(BINS["cuts"])[bin_index(momenta, BINS["edges"])])


def test_a_working_point_on_calibrated_scores_calibrates(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    calibrated = tagger.calibrated(tagger(jets))
    passed = tagger.passes(jets, "Hbb_calibrated")
    assert ak.all(passed == (tagger.discriminant(calibrated, "Hbb", "QCD") >= 0.5))
    assert not ak.all(passed == tagger.passes(jets, "Hbb_flat"))
    assert "(calibrated scores)" in tagger.calibration.working_points[3].formula


def test_what_was_not_measured_is_said(bundle: Path, tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    with pytest.raises(BundleError, match=r"Hbb_flat of .* has no efficiency for the class 'QCD'"):
        tagger.efficiency(jets, "Hbb_flat", "QCD")
    save_calibration(bundle, Calibration())
    with pytest.raises(BundleError, match=r"no calibration of the scores of .* has been measured"):
        coffea_fm.load(bundle).calibrated(tagger(jets))
    with pytest.raises(ValueError, match="and there is no scaling"):
        Calibration(working_points=(WorkingPoint(name="a", cut=0.5, calibrated=True, **POINT),))


def test_measurements_that_were_not_made_are_not_written(bundle: Path) -> None:
    text = (bundle / "calibration.json").read_text()
    assert "scaling" not in text
    assert "bins" not in text
    assert load_bundle(bundle).calibration.scaling is None
