from __future__ import annotations

import hist
import numpy as np
import pytest
from known_yields import CENTRES, EDGES, EVENTS_OF_A_BIN, MULTIJET, make_histogram, shape

from coffea_fm.errors import InputError, InputWarning
from coffea_fm.statistics.binning import merged_bins
from coffea_fm.statistics.closure import close
from coffea_fm.statistics.prediction import predict
from coffea_fm.statistics.pseudo_data import as_counts
from coffea_fm.statistics.yields import Filled, Yields


@pytest.fixture
def prediction(filled, settings):
    return predict(settings.planes["boosted"], filled, settings, "boosted")


def test_the_prediction_is_c_times_b_over_d(prediction):
    expected = MULTIJET["fail_high"] * MULTIJET["pass_low"] / MULTIJET["fail_low"] * shape("falling")
    np.testing.assert_allclose(prediction.predicted("tagged").values, expected, rtol=1e-6)
    assert prediction.transfer["tagged"] == pytest.approx(MULTIJET["pass_low"] / MULTIJET["fail_low"])


def test_data_replace_the_simulation_and_other_backgrounds_are_subtracted(settings):
    filled = Filled(make_histogram(with_data=True), "boosted/mass")
    prediction = predict(settings.planes["boosted"], filled, settings, "boosted")
    counted = filled.get("data", "fail_high").values
    np.testing.assert_array_equal(prediction.seen["fail_high"].values, counted)
    left = counted - filled.get("TT", "fail_high").values
    np.testing.assert_allclose(prediction.multijet["fail_high"].values, left)


def test_bins_are_merged_to_enough_effective_events():
    even = Yields(np.full(10, 7.0), np.full(10, 7.0))
    np.testing.assert_array_equal(merged_bins({"r": even}, [], 20, "m"), [0, 3, 6])
    wide = Yields(np.full(10, 700.0), np.full(10, 700.0**2))
    np.testing.assert_array_equal(merged_bins({"r": wide}, [], 4, "m"), [0, 4])
    both = merged_bins({"r": even, "s": Yields(np.full(10, 100.0), np.full(10, 100.0))}, [], 20, "m")
    np.testing.assert_array_equal(both, [0, 3, 6])


def test_every_bin_of_the_fit_has_the_effective_events_that_are_asked_for(filled, settings):
    strict = settings.model_copy(update={"minimal_effective_events": 1000.0})
    prediction = predict(strict.planes["boosted"], filled, strict, "boosted")
    assert 1 < len(prediction.bins) <= 10 * EVENTS_OF_A_BIN / 1000
    for region in ("fail_high", "fail_low", "pass_low"):
        total = prediction.yields("multijet", region) + prediction.yields("TT", region)
        assert np.all(total.effective_events >= 1000)
    background = prediction.predicted("tagged") + prediction.yields("TT", "pass_high")
    assert np.all(background.effective_events >= 1000)


def test_bins_are_those_of_the_simulation_whatever_the_data(filled, settings):
    histogram = make_histogram()
    for region, events in {"fail_low": 6000, "fail_high": 2500, "pass_low": 150}.items():
        histogram.fill("data", "nominal", region, np.resize(CENTRES, events))
    strict = settings.model_copy(update={"minimal_effective_events": 600.0})
    with_data, without = (
        predict(strict.planes["boosted"], of, strict, "boosted") for of in (Filled(histogram, "boosted/mass"), filled)
    )
    np.testing.assert_array_equal(with_data.bins, without.bins)
    np.testing.assert_array_equal(with_data.rate_bins, without.rate_bins)


def test_too_few_events_for_one_bin_are_refused(filled, settings):
    strict = settings.model_copy(update={"minimal_effective_events": 1e6})
    with pytest.raises(InputError, match=r"region '\w+' of boosted has [\d.]+ effective events, but a bin needs"):
        predict(strict.planes["boosted"], filled, strict, "boosted")


def test_without_simulated_events_in_the_signal_region_there_is_no_correction(settings):
    filled = Filled(make_histogram(), "boosted/mass")
    filled.values[filled.processes.index("multijet"), 0, filled.regions.index("pass_high")] = 0
    prediction = predict(settings.planes["boosted"], filled, settings, "boosted")
    assert prediction.correction == {"tagged": 1.0}
    assert close({"boosted": prediction}, settings)["tagged"].uncertainty > 0


def test_without_simulated_events_in_a_control_region_nothing_can_be_tested(settings):
    filled = Filled(make_histogram(with_data=True), "boosted/mass")
    filled.values[filled.processes.index("multijet"), 0, filled.regions.index("pass_low")] = 0
    with pytest.raises(InputError, match="the closure of its prediction cannot be tested"):
        predict(settings.planes["boosted"], filled, settings, "boosted")


def test_nothing_left_to_predict_from(settings):
    filled = Filled(make_histogram(), "boosted/mass")
    filled.values[filled.processes.index("multijet"), 0, filled.regions.index("pass_low")] = 0
    with pytest.raises(InputError, match="no multijet events remain in region 'pass_low' of boosted"):
        predict(settings.planes["boosted"], filled, settings, "boosted")


def test_a_control_bin_below_its_other_backgrounds_joins_its_neighbour(settings):
    filled = Filled(make_histogram(with_data=True), "boosted/mass")
    filled.values[filled.processes.index("data"), 0, filled.regions.index("fail_high"), 3] = 0
    filled.values[filled.processes.index("TT"), 0, filled.regions.index("fail_high"), 3] = 10
    prediction = predict(settings.planes["boosted"], filled, settings, "boosted")
    assert 4 not in prediction.bins
    assert np.all(prediction.multijet["fail_high"].values > 0)


def test_histograms_that_cannot_be_fitted(filled):
    with pytest.raises(InputError, match="has no region 'pass': it has fail_low"):
        filled.get("X", "pass")
    with pytest.raises(InputError, match="has the axes value: it needs weights and the axes process"):
        Filled(hist.Hist(hist.axis.Variable(EDGES, name="value")), "plain")
    broken = make_histogram()
    broken.view(flow=False).value[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="a bin that is not finite"):
        Filled(broken, "broken")


def test_a_process_that_was_never_filled_is_nothing(filled):
    assert not filled.get("Hjets", "pass_high").values.any()
    assert filled.filled_variations("Hjets") == set()
    assert filled.filled_variations("X") == {"nominal", "scale_up", "scale_down", "tune_up"}


def pseudo(weight: float, events: int):
    histogram = make_histogram()
    histogram.fill("data", "nominal", "fail_low", np.full(events, CENTRES[2]), weight=np.full(events, weight))
    return histogram


def test_pseudo_data_become_counts():
    drawn = as_counts(pseudo(0.5, 1001), seed=1)["data", "nominal", "fail_low", :]
    assert drawn.values()[2] == round(drawn.values()[2]) == drawn.variances()[2]
    assert drawn.values()[2] == pytest.approx(500, abs=100)
    assert as_counts(pseudo(0.5, 1001), seed=1) == as_counts(pseudo(0.5, 1001), seed=1)
    assert as_counts(pseudo(0.5, 1001), seed=1) != as_counts(pseudo(0.5, 1001), seed=2)


def test_data_stay_as_they_are():
    histogram = make_histogram(with_data=True)
    assert as_counts(histogram, seed=1) is histogram


def test_pseudo_data_from_few_heavy_events_warn():
    with pytest.warns(InputWarning, match="have 10 effective ones"):
        as_counts(pseudo(100.25, 10), seed=0)
