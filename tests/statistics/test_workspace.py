from __future__ import annotations

import numpy as np
import pyhf
import pytest
from small_analysis import analysis_of, workspace_of

from coffea_fm.errors import InputWarning


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
def test_the_workspace_is_valid_and_has_every_uncertainty(blinded):
    workspace, likelihood = blinded
    pyhf.schema.validate(workspace, "workspace.json")
    assert {channel["name"] for channel in workspace["channels"]} == {
        f"boosted_{region}" for region in ("fail_low", "fail_high", "pass_low", "pass_high")
    }
    assert set(likelihood.constrained()) == {
        "luminosity",
        "cross_section_TT",
        "scale",
        "tune",
        "closure_tagged",
        "closure_slope_tagged",
        "transfer_slope_tagged",
    }
    assert "statistics_boosted_pass_high" in likelihood.model.config.par_order
    assert set(likelihood.transfers()) == {"transfer_tagged"}


def test_the_closure_test_corrects_the_prediction(settings, blinded):
    def more_in_the_signal_region(histogram):
        histogram.view(flow=False).value[list(histogram.axes[0]).index("multijet"), 0, 3] *= 1.5

    def multijet(workspace):
        channels = {channel["name"]: channel["samples"] for channel in workspace["channels"]}
        (sample,) = (part for part in channels["boosted_pass_high"] if part["name"] == "multijet")
        return np.array(sample["data"])

    corrected = workspace_of(analysis_of(settings, change=more_in_the_signal_region))
    np.testing.assert_allclose(multijet(corrected), 1.5 * multijet(blinded[0]))


def test_negative_bins_of_simulation_are_warned_of(settings):
    def negate(histogram):
        place = [list(histogram.axes[0]).index("TT"), list(histogram.axes[1]).index("nominal"), 3]
        histogram.view(flow=False).value[*place, :2] = -1.0

    analysis = analysis_of(settings, change=negate)
    with pytest.warns(InputWarning, match="TT has 1 bins with a negative sum of weights in region 'pass_high'"):
        workspace = workspace_of(analysis)
    assert all(value >= 0 for part in workspace["channels"] for sample in part["samples"] for value in sample["data"])
