from __future__ import annotations

import numpy as np
import pytest
from known_yields import make_histogram
from small_analysis import write_run

from coffea_fm.errors import InputError
from coffea_fm.statistics.inputs import read_inputs


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "simulation"
    return write_run(folder, make_histogram(), "QCD", luminosity=[100.0], cross_section={"X": [0.01]})


@pytest.fixture
def data(tmp_path):
    histogram = make_histogram()
    histogram.reset()
    histogram.fill("data", "nominal", "fail_low", np.full(7, 60.0))
    return write_run(tmp_path / "data", histogram, "data")


def test_runs_over_simulation_and_data_are_added_up(simulation, data, settings):
    inputs = read_inputs([simulation, data], settings)
    alone = read_inputs([simulation], settings)
    assert inputs.luminosity == 100.0
    assert inputs.cross_section("X") == 10.0
    filled, expected = (found.histograms["boosted/mass"] for found in (inputs, alone))
    assert filled.get("data", "fail_low").total == 7
    for process in ("multijet", "TT", "X"):
        np.testing.assert_array_equal(
            filled.get(process, "pass_high").values, expected.get(process, "pass_high").values
        )


def test_a_dataset_in_two_runs_is_refused(simulation, tmp_path, settings):
    again = write_run(tmp_path / "again", make_histogram(), "QCD", luminosity=[100.0], cross_section={})
    with pytest.raises(InputError, match="both have the dataset 'QCD': it would be counted twice"):
        read_inputs([simulation, again], settings)
    (again / "summary.json").unlink()
    with pytest.raises(InputError, match="does not list the datasets"):
        read_inputs([simulation, again], settings)


def test_runs_of_several_luminosities_are_refused(simulation, tmp_path, settings):
    other = write_run(tmp_path / "other", make_histogram(), "TT", luminosity=[50.0], cross_section={})
    with pytest.raises(InputError, match=r"luminosities of \[50.0, 100.0\] fb\^-1 instead of one"):
        read_inputs([simulation, other], settings)


def test_simulation_is_scaled_to_another_luminosity(simulation, settings):
    before, after = (read_inputs([simulation], settings, luminosity=at) for at in (None, 300.0))
    assert (before.luminosity, after.luminosity) == (100.0, 300.0)
    small, large = (found.histograms["boosted/mass"].get("multijet", "pass_high") for found in (before, after))
    np.testing.assert_allclose(large.values, 3 * small.values)
    np.testing.assert_allclose(large.effective_events, small.effective_events)


@pytest.mark.parametrize("luminosity", [0.0, -1.0, float("nan"), float("inf")])
def test_luminosities_that_mean_nothing(simulation, settings, luminosity):
    with pytest.raises(InputError, match="above zero"):
        read_inputs([simulation], settings, luminosity=luminosity)


def test_data_are_not_scaled(simulation, data, settings):
    with pytest.raises(InputError, match="data cannot be scaled to another luminosity"):
        read_inputs([simulation, data], settings, luminosity=300.0)
