from __future__ import annotations

import json

import numpy as np
import pytest
from known_yields import SIGNAL, make_histogram
from small_analysis import analysis_of, write_run

import coffea_fm.statistics.analysis as analysis_module
from coffea_fm.errors import InputWarning
from coffea_fm.statistics.injections import Injection, inject
from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.limit import limit
from coffea_fm.statistics.profile import with_interval
from coffea_fm.statistics.remarks import remark_on_fit
from coffea_fm.statistics.sensitivity import Sensitivity

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def coarse(settings):
    return settings.model_copy(update={"minimal_effective_events": 1500.0, "systematics": ("scale",)})


@pytest.fixture(scope="module")
def counting():
    """One bin of 100 background events, and a signal of 10."""

    def sample(name, events, modifiers):
        return {"name": name, "data": [events], "modifiers": modifiers}

    luminosity = {"name": "luminosity", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}}
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [sample("signal", 10.0, [mu, luminosity]), sample("background", 100.0, [luminosity])]
    parameters = [{"name": "mu", "bounds": [[0.0, 1e4]]}]
    return Likelihood.of(
        {
            "channels": [{"name": "a", "samples": samples}],
            "observations": [{"name": "a", "data": [100.0]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
            "version": "1.0.0",
        }
    )


def test_limits_are_a_function_whose_result_prints_and_is_written(tmp_path, coarse):
    luminosity = {"luminosity": [100.0], "cross_section": {"X": [0.01]}, "mass": {"X": [1000.0]}}
    processed = {"QCD": {"kind": "simulation", "events": 9, "sum_of_weights": 9.0, "share": 0.45}}
    run = write_run(tmp_path / "run", make_histogram(), "QCD", **luminosity, processed=processed)
    with pytest.warns(InputWarning, match=r"processed 45% of the generated events of QCD"):
        found = limit(run, signal="X", settings=coarse, output=tmp_path / "limit", injections=2)
    assert found.signals["X"].mass == 1000.0
    assert "X        expected" in repr(found)
    assert "X        injected mu = 0: bias" in repr(found)
    assert "note: processed 45% of the generated events of QCD" in repr(found)
    written = {path.name: path for path in found.written}
    summary = json.loads(written["limits.json"].read_text())
    assert summary == json.loads(json.dumps(found.summary))
    assert summary["processed"] == {"QCD": 0.45}
    mu = summary["signals"]["X"]["asimov_mu"]
    assert mu["low"] < mu["best"] < mu["high"]
    assert not mu["at_bound"]
    for name in ("tagged_closure", "X_tagged_postfit", "X_ranking", "X_pulls", "X_correlations"):
        assert written[f"{name}.png"].read_bytes().startswith(PNG)
    assert "boosted_pass_high" in written["X_yields.txt"].read_text()


def test_data_that_the_model_does_not_describe_are_commented(tmp_path, coarse):
    histogram = make_histogram(with_data=True)
    histogram.view(flow=False).value[list(histogram.axes[0]).index("data"), 0, 3, :3] *= 3
    fine = coarse.model_copy(update={"minimal_effective_events": 1000.0})
    run = write_run(tmp_path / "run", histogram, "QCD", luminosity=[100.0], cross_section={"X": [0.01]})
    with pytest.warns(InputWarning, match=r"X: the fit has a p-value of .*: the model does not describe the data"):
        found = limit([run], signal=["X", "X"], settings=fine, observe=True)
    (signal,) = found.summary["signals"].values()
    assert signal["p_value"] < 0.01
    assert signal["observed"] > 0
    assert len(found.summary["remarks"]) == 1


@pytest.mark.parametrize(("p_value", "words"), [(0.5, None), (np.nan, None), (0.03, "poor"), (1e-3, "not be quoted")])
def test_poor_fits_are_commented(counting, p_value, words):
    remark = remark_on_fit(counting.fit(errors=False)._replace(goodness_of_fit=p_value))
    assert remark is None if words is None else words in remark


def test_a_limit_of_a_few_events_is_commented(settings):
    assert Sensitivity(signal=20.0, background=50.0, two_sigma=0.7).remark(1.0) is None
    assert "2 signal events over 50 background events" in Sensitivity(20.0, 50.0, 0.7).remark(0.1)
    assert "asymptotic formulae do not hold" in Sensitivity(20.0, 2.0, 0.7).remark(1.0)
    analysis = analysis_of(settings)
    found = analysis_module.sensitivity(analysis.predictions, analysis.settings, "X")
    assert found.signal == pytest.approx(SIGNAL["pass_high"])
    assert 1 < found.background < 230


def test_mu_at_its_bound_has_an_interval_instead_of_an_error(counting):
    low = counting.asimov(0.0)
    few = with_interval(low, low.fit())
    down, up = few.minos_uncertainty["mu"]
    assert few.bestfit[low.poi] + down == 0
    assert up == pytest.approx(1.0, abs=0.15)  # √100 / 10, and the error of the background
    high = counting.asimov(5.0)
    many = with_interval(high, high.fit())
    assert many.minos_uncertainty["mu"] == pytest.approx((-1.2, 1.25), abs=0.1)


def test_injected_signals_are_found(counting):
    found = inject(counting, limit=2.5, toys=200, seed=0)
    assert [test.injected for test in found] == [0.0, 2.5, 5.0]
    for test in found:
        assert test.failed == 0
        assert abs(test.bias) < 4 * test.bias_error
        assert test.spread == pytest.approx(1.1, abs=0.25)
    assert found[0].at_bound == pytest.approx(0.5, abs=0.1)
    assert found[2].at_bound == 0
    again = inject(counting, limit=2.5, toys=5, seed=0)
    np.testing.assert_array_equal(again[0].fitted, found[0].fitted[:5])


def test_the_spread_is_not_cut_at_the_bound():
    gauss = np.random.default_rng(0).normal(0, 1, 10_000)
    bounded = Injection(0.0, np.maximum(gauss, 0), failed=0, at_bound=0.5)
    assert bounded.bias == pytest.approx(0, abs=0.05)
    assert bounded.spread == pytest.approx(1, abs=0.05)
    assert bounded.remark is None
    assert "bias of 0.99" in Injection(0.0, gauss + 1, failed=0, at_bound=0.0).remark
