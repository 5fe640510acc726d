from __future__ import annotations

import numpy as np
import pytest
from small_analysis import analysis_of, workspace_of

from coffea_fm.statistics.likelihood import Likelihood


def test_without_data_what_is_expected_is_what_is_fitted(blinded):
    _, likelihood = blinded
    np.testing.assert_allclose(likelihood.data, likelihood.asimov(0.0).data, rtol=1e-6)
    fitted = likelihood.asimov(1.0).fit()
    assert fitted.bestfit[likelihood.poi] == pytest.approx(1, abs=0.01)
    pulled = [fitted.bestfit[index] for index in likelihood.constrained().values()]
    np.testing.assert_allclose(pulled, 0, atol=0.02)


def test_derivatives_in_one_batch_are_those_of_a_polynomial_through_single_points(blinded):
    _, likelihood = blinded
    asimov, config = likelihood.asimov(0.0), likelihood.model.config
    at = np.array(config.suggested_init()) * np.random.default_rng(1).uniform(0.95, 1.05, config.npars)
    at[likelihood.poi] = 1.0
    for index, found in enumerate(asimov.gradient(at)):
        offsets = np.linspace(-2e-3, 2e-3, 7)
        values = [asimov.twice_nll(at + offset * np.eye(len(at))[index]) for offset in offsets]
        expected = np.polynomial.Polynomial.fit(offsets, values, 4).deriv()(0.0)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-2), config.par_names[index]


def test_what_no_parameter_can_follow_is_a_bad_fit(settings):
    def double_the_lowest_bins(histogram):
        place = list(histogram.axes[0]).index("data")
        histogram.view(flow=False).value[place, 0, 3, :3] *= 3

    analysis = analysis_of(settings, with_data=True, observe=True, change=double_the_lowest_bins)
    likelihood = Likelihood.of(workspace_of(analysis))
    assert likelihood.fit().goodness_of_fit < 1e-3


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_errors_do_not_lose_their_digits_among_many_events(settings, scale):
    def many(histogram):
        histogram.view(flow=False).value[:] *= scale

    likelihood = Likelihood.of(workspace_of(analysis_of(settings, change=many)))
    asimov = likelihood.asimov(1.0)
    fitted = asimov.fit()
    assert fitted.bestfit[likelihood.poi] == pytest.approx(1, abs=1e-3)
    constrained = likelihood.constrained()
    for index in (constrained["transfer_slope_tagged"], constrained["tune"], likelihood.transfers()["transfer_tagged"]):
        value, error = fitted.bestfit[index], fitted.uncertainty[index]
        raised = [
            asimov.fit({index: value + sign * error}, fitted.bestfit, errors=False).best_twice_nll
            - fitted.best_twice_nll
            for sign in (1, -1)
        ]
        assert np.mean(raised) == pytest.approx(1, abs=0.1)


def test_heavy_simulated_events_whose_parameters_are_strongly_correlated(settings):
    def heavy(histogram):
        histogram.view(flow=False).value[:] *= 1e6
        histogram.view(flow=False).variance[:] *= 1e12

    likelihood = Likelihood.of(workspace_of(analysis_of(settings, change=heavy))).asimov(0.3)
    assert likelihood.fit().bestfit[likelihood.poi] == pytest.approx(0.3, rel=1e-2)


def test_the_likelihood_is_that_of_pyhf(blinded):
    _, likelihood = blinded
    parameters = np.array(likelihood.model.config.suggested_init())
    random = np.random.default_rng(0)
    values = []
    for _ in range(3):
        moved = parameters * random.uniform(0.9, 1.1, len(parameters)) + random.uniform(-0.5, 0.5, len(parameters)) * (
            parameters == 0
        )
        theirs = -2 * float(likelihood.model.logpdf(moved, likelihood.data)[0])
        values.append(likelihood.twice_nll(moved) - theirs)
    assert values == pytest.approx([values[0]] * 3, abs=1e-6)
