"""Fits against plain Minuit, as pyhf runs it on the same model."""

from __future__ import annotations

import iminuit
import numpy as np
import pytest
from small_analysis import analysis_of, workspace_of

from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.ranking import rank


@pytest.fixture(scope="module")
def coarse(settings):
    chosen = settings.model_copy(update={"systematics": ("scale",), "minimal_effective_events": 1500.0})
    return Likelihood.of(workspace_of(analysis_of(chosen)))


def minuit(likelihood, fixed=()):
    """The likelihood of pyhf, minimised by Minuit with its own derivatives."""
    config = likelihood.model.config
    reference = float(likelihood.model.logpdf(config.suggested_init(), likelihood.data)[0])

    def nll(parameters):
        return 2 * (reference - float(likelihood.model.logpdf(parameters, likelihood.data)[0]))

    begin = np.array(config.suggested_init())
    for index, value in fixed:
        begin[index] = value
    fit = iminuit.Minuit(nll, begin, name=list(config.par_names))
    fit.errordef, fit.strategy, fit.tol = 1, 2, 1e-4
    fit.limits = [
        (low, None if at == config.poi_index else high) for at, (low, high) in enumerate(config.suggested_bounds())
    ]
    held = {index for index, _ in fixed}
    fit.fixed = [at in held or always for at, always in enumerate(config.suggested_fixed())]
    fit.migrad()
    fit.hesse()
    assert fit.valid
    return np.array(fit.values), np.where(fit.fixed, 0, fit.errors), fit.fval


@pytest.mark.parametrize("seed", [1, 2])
def test_best_fit_and_errors_are_those_of_minuit(coarse, seed):
    toy = coarse.toy(3.0, np.random.default_rng(seed))
    fitted, (values, errors, lowest) = toy.fit(), minuit(toy)
    np.testing.assert_allclose(fitted.bestfit, values, atol=1e-2 * errors.max(), rtol=1e-3)
    assert np.all(np.abs(fitted.bestfit - values) <= 0.01 * np.maximum(errors, 1e-9) + 1e-9)
    np.testing.assert_allclose(fitted.uncertainty, errors, rtol=0.03)
    _, _, raised = minuit(toy, fixed=[(toy.poi, 0.0)])
    background = toy.fit({toy.poi: 0.0}, fitted.bestfit, errors=False)
    assert background.best_twice_nll - fitted.best_twice_nll == pytest.approx(raised - lowest, abs=1e-3)


def test_an_impact_is_the_change_of_a_plain_fit(coarse):
    asimov = coarse.asimov(3.0)
    fitted = asimov.fit()
    found = rank(asimov, fitted)
    for name in ("transfer_tagged", "scale"):
        index, place = asimov.model.config.par_names.index(name), found.labels.index(name)
        values, _, _ = minuit(asimov, fixed=[(index, fitted.bestfit[index] + fitted.uncertainty[index])])
        moved = values[asimov.poi] - fitted.bestfit[asimov.poi]
        assert found.postfit_up[place] == pytest.approx(moved, abs=0.01 * fitted.uncertainty[asimov.poi])


def test_a_parameter_stays_where_it_is_fixed_even_beyond_its_bounds(coarse):
    asimov = coarse.asimov(1.0)
    index = asimov.model.config.par_names.index("scale")
    beyond = asimov.model.config.suggested_bounds()[index][1] + 0.5
    fitted = asimov.fit({index: beyond}, errors=False)
    assert fitted.bestfit[index] == beyond
    assert fitted.best_twice_nll == pytest.approx(asimov.twice_nll(fitted.bestfit))
    by_minuit = asimov._minimum_by_minuit(fitted.bestfit, np.arange(len(fitted.bestfit)) != index)
    assert by_minuit[index] == beyond
