from __future__ import annotations

import numpy as np
import pytest
from scored_by_pt import by_pt

from coffea_fm.bundle import BinnedCut, WorkingPoint
from coffea_fm.calibration.working_points import CutBins, passes, working_points
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


def test_a_cut_for_each_bin_has_the_same_background_efficiency_in_all():
    scores, target, bins = by_pt()
    points = {point.name: point for point in working_points(scores, target, ("QCD", "Hbb"), bins=bins)}
    point = points["Hbb_medium"]
    assert point.bins is not None
    assert list(point.bins.cuts) == sorted(point.bins.cuts)
    assert point.bins.cuts[-1] - point.bins.cuts[0] > 0.01
    background = point.efficiencies["QCD"]
    assert background.efficiency == pytest.approx((0.01, 0.01, 0.01), abs=3e-4)
    passed = passes(scores, ("QCD", "Hbb"), point, bins.values)
    for index, (low, high) in enumerate([(0, 400), (400, 600), (600, 9999)]):
        part = (target == 1) & (bins.values >= low) & (bins.values < high)
        assert point.efficiencies["Hbb"].jets[index] == part.sum()
        assert point.efficiencies["Hbb"].efficiency[index] == pytest.approx(passed[part].mean())
    assert point.signal_efficiency == np.mean(passed[target == 1])
    assert background.low[0] < background.efficiency[0] < background.high[0]
    assert point.formula.endswith(", by pt")
    assert "Hbb_tight" not in points  # too few jets pass in one of the bins


def test_bins_that_do_not_increase_are_refused():
    with pytest.raises(InputError, match=r"400, 200 of bins in pt must increase"):
        CutBins("pt", (400, 200), np.zeros(3))
    with pytest.raises(ValueError, match="2 bins in pt have 1 cuts"):
        BinnedCut(field="pt", edges=(1, 2, 3), cuts=(0.5,))
