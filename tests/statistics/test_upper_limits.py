from __future__ import annotations

import pyhf
import pytest
from small_analysis import analysis_of, workspace_of

from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.upper_limits import expected_limit, observed_limit


@pytest.fixture
def minuit():
    """pyhf's own fits, by Minuit."""
    before = pyhf.get_backend()
    pyhf.set_backend("numpy", "minuit")
    yield
    pyhf.set_backend(*before)


@pytest.mark.usefixtures("minuit")
def test_limits_are_those_of_pyhf(settings):
    analysis = analysis_of(settings.model_copy(update={"systematics": ("scale",), "minimal_effective_events": 1500.0}))
    likelihood = Likelihood.of(workspace_of(analysis))
    ours = expected_limit(likelihood)
    assert list(ours.expected_limit) == sorted(ours.expected_limit)
    asimov = likelihood.asimov(0.0)
    for place, limit in enumerate(ours.expected_limit):
        _, levels = pyhf.infer.hypotest(limit, asimov.data, asimov.model, test_stat="qtilde", return_expected_set=True)
        assert float(levels[place]) == pytest.approx(0.05, rel=0.03)


@pytest.mark.usefixtures("minuit")
def test_a_signal_in_the_data_is_found(settings):
    analysis = analysis_of(settings, with_data=True, mu=2.0, observe=True)
    likelihood = Likelihood.of(workspace_of(analysis))
    fitted = likelihood.fit()
    assert fitted.bestfit[likelihood.poi] == pytest.approx(2, abs=0.2)
    assert fitted.goodness_of_fit > 0.5
    expected = expected_limit(likelihood)
    observed = observed_limit(likelihood, expected).observed_limit
    assert observed > expected.expected_limit[-1]
    level = pyhf.infer.hypotest(observed, likelihood.data, likelihood.model, test_stat="qtilde")
    assert float(level) == pytest.approx(0.05, rel=0.03)
