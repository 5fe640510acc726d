from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.simulation.calorimeter import ECAL, deposits
from coffea_fm.simulation.detector import detect
from coffea_fm.simulation.detector_settings import NOMINAL_DETECTOR, DetectorSettings
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.final_state import FinalState, final_state
from coffea_fm.simulation.production import SETTINGS_FILE, SimulationSettings, produce
from coffea_fm.simulation.sample import simulate
from coffea_fm.simulation.tracker import d0_resolution, dz_resolution, efficiency, momentum_resolution, tracks


@pytest.fixture(scope="module")
def particles(top_events: Events) -> FinalState:
    return final_state(top_events, 2.5)


@pytest.fixture(scope="module")
def charged(particles: FinalState) -> FinalState:
    return particles.where((particles.charge != 0) & (particles.pt > 1))


def test_the_nominal_detector_is_that_of_the_resolutions_bit_by_bit(charged: FinalState) -> None:
    found, random = tracks(charged, np.random.default_rng(3)), np.random.default_rng(3)
    random.random(len(charged))  # of the identification
    width = momentum_resolution(charged.pt, charged.eta, charged.kind == 11)
    np.testing.assert_array_equal(found.pt, charged.pt * np.exp(width * random.standard_normal(len(charged))))
    np.testing.assert_array_equal(found.d0_error, d0_resolution(charged.pt, charged.eta))
    np.testing.assert_array_equal(found.dz_error, dz_resolution(charged.pt, charged.eta))


def test_factors_of_the_tracker(charged: FinalState) -> None:
    changed = DetectorSettings(track_efficiency=0.9, track_momentum=2.0, track_impact=3.0)
    np.testing.assert_allclose(efficiency(charged, changed), 0.9 * efficiency(charged))
    assert efficiency(charged, DetectorSettings(track_efficiency=5.0)).max() == 1
    nominal, other = (tracks(charged, np.random.default_rng(3), d) for d in (NOMINAL_DETECTOR, changed))
    np.testing.assert_allclose(np.log(other.pt / charged.pt), 2 * np.log(nominal.pt / charged.pt), atol=1e-12)
    np.testing.assert_allclose(other.d0_error, 3 * nominal.d0_error)
    exact = tracks(charged, np.random.default_rng(3), DetectorSettings(track_impact=1e-9)).d0
    np.testing.assert_allclose(other.d0 - exact, 3 * (nominal.d0 - exact), atol=1e-6)


def test_factor_of_the_calorimeter(particles: FinalState) -> None:
    photons = particles.where((particles.kind == 22) & (particles.pt > 10))
    exact, nominal, other = (
        deposits(photons, ECAL, np.random.default_rng(3), DetectorSettings(calorimeter=factor))
        for factor in (1e-6, 1.0, 3.0)
    )
    assert len(exact.pt) == len(nominal.pt) == len(other.pt)
    ratio = np.std(np.log(other.pt / exact.pt)) / np.std(np.log(nominal.pt / exact.pt))
    assert ratio == pytest.approx(3, rel=0.05)


def test_every_factor_reaches_the_candidates_and_the_jets(top_events: Events) -> None:
    nominal = detect(top_events, np.random.default_rng(0))
    fewer = detect(top_events, np.random.default_rng(0), DetectorSettings(track_efficiency=0.5))
    assert (fewer.charge != 0).sum() == pytest.approx(0.5 * (nominal.charge != 0).sum(), rel=0.1)
    blurred = detect(top_events, np.random.default_rng(0), DetectorSettings(calorimeter=4.0))
    assert not np.array_equal(blurred.pt[blurred.pdg_id == 22][:5], nominal.pt[nominal.pdg_id == 22][:5])
    changed = DetectorSettings(track_impact=3.0)
    jets = [next(simulate("Wqq", (500.0, 1000.0), 1, 0, batch=4, detector=d)) for d in (NOMINAL_DETECTOR, changed)]
    errors = [float(ak.nanmean(np.log(some.constituents.d0_error), axis=None)) for some in jets]
    assert errors[1] - errors[0] == pytest.approx(np.log(3), abs=0.1)


def test_settings_of_before_are_read_as_the_nominal_detector(tmp_path: Path) -> None:
    settings = SimulationSettings(jets_per_file=2)
    assert produce(tmp_path, settings, ("Wqq",), 2, 1)
    path = tmp_path / SETTINGS_FILE
    written = json.loads(path.read_text())
    assert written["detector"]["track_efficiency"] == 1
    path.write_text(json.dumps({key: value for key, value in written.items() if key != "detector"}))
    assert produce(tmp_path, settings, ("Wqq",), 2, 1) == []
    with pytest.raises(RecipeError, match="choose another folder"):
        produce(tmp_path, replace(settings, detector=DetectorSettings(calorimeter=2.0)), ("Wqq",), 2, 1)


def test_wrong_factors_are_refused() -> None:
    with pytest.raises(RecipeError, match="did you mean 'track_efficiency'"):
        DetectorSettings.of({"track_eficiency": 0.9})
    with pytest.raises(RecipeError, match="calorimeter = 0"):
        DetectorSettings.of({"calorimeter": 0})


def test_the_function_and_the_command_pass_the_factors(tmp_path: Path) -> None:
    from coffea_fm.cli.simulate import _factor
    from coffea_fm.running.simulate import jets

    factors = dict(map(_factor, ["calorimeter=2", "track_impact = 1.5"]))
    jets(tmp_path, jets_per_class=1, jets_per_file=1, classes=["Wqq"], workers=1, detector=factors)
    written = json.loads((tmp_path / SETTINGS_FILE).read_text())["detector"]
    assert written == {"track_efficiency": 1, "track_momentum": 1, "track_impact": 1.5, "calorimeter": 2}
    with pytest.raises(RecipeError, match="is not NAME=FACTOR"):
        _factor("calorimeter")
