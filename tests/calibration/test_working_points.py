from __future__ import annotations

import numpy as np
import pytest

from coffea_fm.bundle import WorkingPoint
from coffea_fm.calibration.working_points import working_points
from coffea_fm.errors import InputError


def sample(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, n)
    above = rng.beta(1 + 3 * target, 4 - 3 * target)
    return np.stack([1 - above, above], axis=1), target


def test_cuts_give_what_they_state():
    scores, target = sample()
    for point in working_points(scores, target, ("QCD", "Hbb")):
        passed = scores[:, 1] / scores.sum(axis=1) >= point.cut
        assert point.background_efficiency == np.mean(passed[target == 0])
        assert point.signal_efficiency == np.mean(passed[target == 1])


def test_levels_are_background_efficiencies():
    points = {point.name: point for point in working_points(*sample(), ("QCD", "Hbb"))}
    assert points["Hbb_loose"].background_efficiency == pytest.approx(0.05, abs=2e-4)
    assert points["Hbb_medium"].background_efficiency == pytest.approx(0.01, abs=2e-4)


def test_levels_that_would_be_noise_are_left_out():
    names = [point.name for point in working_points(*sample(1500), ("QCD", "Hbb"))]
    assert names == ["Hbb_loose"]


def test_unknown_background_is_refused():
    with pytest.raises(InputError, match="'top' is not among"):
        working_points(*sample(10), ("QCD", "Hbb"), background="top")


def test_the_formula_says_what_is_cut():
    point = {"name": "p", "cut": 0.88495, "signal_efficiency": 0.9, "background_efficiency": 0.01}
    one = WorkingPoint(signal=("Hbb",), background=("QCD",), **point)
    assert one.formula == "Hbb / (Hbb + QCD) >= 0.8850"
    two = WorkingPoint(signal=("Hbb", "Hcc"), background=("QCD",), **point)
    assert two.formula == "(Hbb + Hcc) / (Hbb + Hcc + QCD) >= 0.8850"
