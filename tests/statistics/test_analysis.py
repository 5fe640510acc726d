from __future__ import annotations

import pytest
from small_analysis import analysis_of

from coffea_fm.errors import InputError
from coffea_fm.statistics.workspace import make_workspace


def test_data_that_are_blinded_cannot_be_observed(settings):
    def blind(histogram):
        histogram.view(flow=False).value[list(histogram.axes[0]).index("data"), 0, 3] = 0

    with pytest.raises(InputError, match="no data in the signal regions: run the processor with unblind=true"):
        analysis_of(settings, with_data=True, observe=True, change=blind)
    analysis_of(settings, with_data=True, change=blind)


def test_a_signal_that_is_not_there(settings):
    analysis = analysis_of(settings)
    with pytest.raises(InputError, match="0 cross sections of the signal 'Y' instead of one; its processes are X"):
        analysis.fit("Y")
    with pytest.raises(InputError, match="the signal 'Y' has no events in the signal regions"):
        make_workspace(analysis.predictions, analysis.settings, "Y", analysis.closures, observe=False)


def test_names_that_settings_and_histograms_do_not_share_are_listed(settings):
    misspelt = settings.model_copy(update={"backgrounds": {"TTbar": 0.06}})
    assert analysis_of(settings).left_out(["X"]) == {"processes": [], "backgrounds": [], "systematics": ["nowhere"]}
    found = analysis_of(misspelt).left_out([])
    assert found == {"processes": ["TT", "X"], "backgrounds": ["TTbar"], "systematics": ["nowhere"]}


def test_a_background_is_no_signal(settings):
    with pytest.raises(InputError, match="TT is a background in the settings"):
        analysis_of(settings).fit("TT")
