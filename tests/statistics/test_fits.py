from __future__ import annotations

import json

import numpy as np
import pyhf
import pytest
from known_yields import analysis_of

from coffea_fm.errors import InputError, InputWarning, RecipeError
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.postfit import background, channel_of, yield_tables
from coffea_fm.statistics.ranking import rank
from coffea_fm.statistics.settings import read_settings
from coffea_fm.statistics.upper_limits import expected_limit, observed_limit
from coffea_fm.statistics.workspace import make_workspace


def workspace_of(analysis):
    return make_workspace(analysis.predictions, analysis.settings, "X", analysis.closures, observe=analysis.observe)


@pytest.fixture(scope="module")
def blinded(settings):
    analysis = analysis_of(settings)
    workspace = workspace_of(analysis)
    return workspace, Likelihood.of(workspace)


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


def test_the_ranking_moves_mu_where_a_parameter_is_held(blinded):
    _, likelihood = blinded
    asimov = likelihood.asimov(1.0)
    fitted = asimov.fit()
    found = rank(asimov, fitted)
    sizes = np.maximum(np.abs(found.postfit_up), np.abs(found.postfit_down))
    assert list(sizes) == sorted(sizes, reverse=True)
    assert np.all(sizes < fitted.uncertainty[likelihood.poi])
    transfer = found.labels.index("transfer_tagged")
    assert found.postfit_up[transfer] < 0 < found.postfit_down[transfer]
    assert found.prefit_up[transfer] == found.prefit_down[transfer] == 0
    held = [place for place, name in enumerate(found.labels) if name in likelihood.constrained()]
    assert np.all(np.abs(found.bestfit[held]) < 0.05)
    assert np.all((found.uncertainty[held] > 0) & (found.uncertainty[held] < 1.02))
    assert np.all(np.abs(found.prefit_up[held]) >= 0.98 * np.abs(found.postfit_up[held]))


def test_the_postfit_background_is_what_was_fitted(blinded):
    workspace, likelihood = blinded
    asimov = likelihood.asimov(0.0)
    fitted = asimov.fit()
    channel = channel_of(background(asimov, fitted), "boosted_pass_high", "X")
    assert set(channel.samples) == {"TT", "multijet"}
    observed = next(part["data"] for part in workspace["observations"] if part["name"] == "boosted_pass_high")
    np.testing.assert_allclose(sum(channel.samples.values()), observed, rtol=0.02)
    assert np.all((channel.error > 0) & (channel.error < np.sqrt(observed)))
    table = yield_tables(asimov, fitted, observe=False)
    assert table.startswith("pre-fit, yields per channel")
    total = next(line for line in table[table.index("post-fit") :].splitlines() if line.startswith("fitted"))
    assert f"{sum(observed):.2f}" in total.split()


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
    with pytest.raises(InputError, match="the signal 'Y' has no event in the signal regions"):
        make_workspace(analysis.predictions, analysis.settings, "Y", analysis.closures, observe=False)


def test_negative_bins_of_simulation_are_warned_of(settings):
    def negate(histogram):
        place = [list(histogram.axes[0]).index("TT"), list(histogram.axes[1]).index("nominal"), 3]
        histogram.view(flow=False).value[*place, :2] = -1.0

    analysis = analysis_of(settings, change=negate)
    with pytest.warns(
        InputWarning, match="TT has 1 bins in region 'pass_high' whose weights add up to less than nothing"
    ):
        workspace = workspace_of(analysis)
    assert all(value >= 0 for part in workspace["channels"] for sample in part["samples"] for value in sample["data"])


def test_settings_with_a_mistake(tmp_path):
    path = tmp_path / "fit.yaml"
    with pytest.raises(RecipeError, match="cannot read the fit settings"):
        read_settings(path)
    path.write_text("multijet: [")
    with pytest.raises(RecipeError, match="is not YAML"):
        read_settings(path)
    path.write_text(json.dumps({"multijet": "q", "backgrounds": {}, "planes": {"a": {"histograms": "h", "C": "x"}}}))
    with pytest.raises(RecipeError, match=r"unknown key 'planes\.a\.histograms'; did you mean 'histogram'\?"):
        read_settings(path)
    path.write_text(json.dumps({"multijet": "q", "backgrounds": {}, "planes": {"a": {"histogram": "h"}}}))
    with pytest.raises(RecipeError, match=r"planes\.a\.C: Field required"):
        read_settings(path)


def test_names_that_settings_and_histograms_do_not_share_are_listed(settings):
    misspelt = settings.model_copy(update={"backgrounds": {"TTbar": 0.06}})
    assert analysis_of(settings).left_out(["X"]) == {"processes": [], "backgrounds": [], "systematics": ["nowhere"]}
    found = analysis_of(misspelt).left_out([])
    assert found == {"processes": ["TT", "X"], "backgrounds": ["TTbar"], "systematics": ["nowhere"]}


def test_a_background_is_no_signal(settings):
    with pytest.raises(InputError, match="TT is a background in the settings"):
        analysis_of(settings).fit("TT")
