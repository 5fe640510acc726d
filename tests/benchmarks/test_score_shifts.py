"""The measures of `benchmarks/pretraining/resimulation.py`."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

_PATH = Path(__file__).parents[2] / "benchmarks" / "pretraining" / "score_shifts.py"
_SPECIFICATION = importlib.util.spec_from_file_location("score_shifts", _PATH)
_MODULE = importlib.util.module_from_spec(_SPECIFICATION)
_SPECIFICATION.loader.exec_module(_MODULE)
at_equal_auc, shifts = _MODULE.at_equal_auc, _MODULE.shifts


def test_shift_is_the_mean_and_change_the_mean_absolute_change_of_ranks() -> None:
    n = 100  # nominal jets: the first half is of class 0, with the lower scores
    nominal = np.arange(n, dtype=float)
    target = (np.arange(n) >= 50).astype(int)
    moved = {2: 10.0, 3: -10.0, 4: 0.0, 1: 0.0}  # fsr-up, fsr-down, tune, seed
    swapped = np.where(np.arange(n) % 2, 5.0, -5.0)
    kept = np.arange(20, 80)  # the others have no partner
    scores = [nominal, *(nominal[kept] + (move or swapped[kept]) + 0.25 for move in moved.values())]
    pair = np.concatenate((np.arange(n), *[kept] * 4))
    variation = np.concatenate((np.zeros(n, int), *(np.full(len(kept), number) for number in moved)))
    found = shifts(np.exp(np.concatenate(scores) / 50), np.concatenate((target, *[target[kept]] * 4)), pair, variation)
    assert found["auc"] == pytest.approx(1.0)
    assert found["shift"] == pytest.approx((0.11 + 0.09 + 0.01) / 3)
    assert found["floor"] == pytest.approx(0.01)
    assert found["change"] == pytest.approx((0.11 + 0.09 + 0.05) / 3)
    assert found["change_floor"] == pytest.approx(0.05)


def test_comparison_at_the_largest_common_auc() -> None:
    ours = [{"auc": 0.8, "shift": 0.02}, {"auc": 0.9, "shift": 0.04}]
    others = [{"auc": 0.85, "shift": 0.05}, {"auc": 0.7, "shift": 0.01}]
    assert at_equal_auc(ours, others, "shift") == pytest.approx((0.85, 0.03, 0.05))
    common, low, missing = at_equal_auc(ours, [{"auc": 0.95, "shift": 0.1}], "shift")
    assert (common, low) == (0.9, 0.04)
    assert math.isnan(missing)
