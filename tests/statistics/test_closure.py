from __future__ import annotations

import numpy as np
import pytest
from known_yields import make_histogram

from coffea_fm.statistics.closure import Closure, close, closure_of
from coffea_fm.statistics.closure_toys import Regions
from coffea_fm.statistics.prediction import predict
from coffea_fm.statistics.remarks import remark_on_closure
from coffea_fm.statistics.yields import Filled, Yields

EVENTS = {"A": 100.0, "B": 25.0, "C": 4000.0, "D": 1000.0}
N_BINS, N_TOYS = 20, 400


@pytest.fixture
def prediction(filled, settings):
    return predict(settings.planes["boosted"], filled, settings, "boosted")


def test_closure_of_an_exact_prediction(prediction, settings):
    found = close({"boosted": prediction}, settings)["tagged"]
    assert found.ratio == pytest.approx(1)
    assert 0.02 < found.ratio_error < 0.05
    assert found.uncertainty == pytest.approx(found.ratio_error)
    assert found.p_value == pytest.approx(1)


def test_closure_sees_what_the_control_regions_do_not(settings):
    histogram = make_histogram()
    view = histogram.view(flow=False)
    place = (0, 0, 3)
    assert [axis[index] for axis, index in zip(histogram.axes[:3], place, strict=True)] == [
        "multijet",
        "nominal",
        "pass_high",
    ]
    view.value[place] *= 1.5
    filled = Filled(histogram, "boosted/mass")
    found = close({"boosted": predict(settings.planes["boosted"], filled, settings, "b")}, settings)["tagged"]
    assert found.ratio == pytest.approx(1.5)
    assert found.correction == pytest.approx(1.5)
    assert found.uncertainty == pytest.approx(0.5)
    assert found.p_value < 1e-3


def test_a_prediction_that_is_too_large_is_as_uncertain_as_one_that_is_too_small():
    def closure(counted: float) -> Closure:
        predicted, found = (Yields(np.array([value]), np.array([1.0])) for value in (200.0, counted))
        return Closure(np.array([0.0, 1.0]), predicted, 0.0, found, counted / 200.0, 1.0)

    assert closure(100.0).uncertainty == closure(400.0).uncertainty == pytest.approx(1)


def toys(scale: float = 1.0, weight: float = 0.7):
    """Closing regions, drawn N_TOYS times, with A multiplied by a factor."""
    random = np.random.default_rng(0)
    bins = {"A": np.full(N_BINS, scale / N_BINS), "B": np.ones(1), "C": np.full(N_BINS, 1 / N_BINS), "D": np.ones(1)}
    drawn = {name: random.poisson(EVENTS[name] * shares, (N_TOYS, len(shares))) for name, shares in bins.items()}
    for rows in zip(*drawn.values(), strict=True):
        regions = Regions(*(Yields(weight * row, weight**2 * row.astype(float)) for row in rows))
        yield closure_of(regions, np.arange(N_BINS + 1.0), 1.0, toys=300)


def test_errors_and_p_values_of_regions_that_close():
    found = list(toys())
    ratios, errors = (np.array([getattr(test, name) for test in found]) for name in ("ratio", "ratio_error"))
    assert ratios.std() == pytest.approx(0.25, abs=0.03)
    assert errors.mean() == pytest.approx(0.246, abs=0.01)
    assert np.mean(np.abs(ratios - 1) > 2 * errors) < 0.08
    p_values = np.array([test.p_value for test in found])
    assert 0.025 < np.mean(p_values < 0.05) < 0.08
    assert 0.42 < np.mean(p_values < 0.5) < 0.58


def test_the_error_is_that_of_all_four_regions():
    a, b, c, d = (Yields(np.full(2, n / 2), np.full(2, n / 2)) for n in EVENTS.values())
    found = closure_of(Regions(a, b, c, d), np.arange(3.0), 1.0)
    relative = np.sqrt(sum(1 / events for events in EVENTS.values()))
    assert found.ratio_error == pytest.approx(relative)
    np.testing.assert_allclose(found.bin_errors, 50 * np.sqrt(1 / 2000 + 1 / 25 + 1 / 1000))


def test_regions_that_do_not_close_are_seen():
    assert np.mean([test.p_value < 0.05 for test in toys(scale=3.0)]) > 0.5


def test_a_signal_region_without_events_has_a_p_value():
    c, d = (Yields(np.full(2, n), np.full(2, n)) for n in (400.0, 1000.0))
    none = Yields(np.zeros(2), np.zeros(2))
    few, many = (Yields(np.array([n]), np.array([n])) for n in (5.0, 500.0))
    assert closure_of(Regions(none, few, c, d), np.arange(3.0), 1.0).p_value > 0.05
    assert closure_of(Regions(none, many, c, d), np.arange(3.0), 1.0).p_value < 1e-3


@pytest.mark.parametrize(("p_value", "words"), [(0.5, None), (0.03, "closes poorly"), (0.001, "does not close")])
def test_poor_closure_is_commented(p_value, words):
    remark = remark_on_closure("tight", p_value)
    assert remark is None if words is None else words in remark
