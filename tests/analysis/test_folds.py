from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from coffea_fm.analysis.folds import by_fold, folds, in_order
from coffea_fm.errors import RecipeError


def test_folds_of_large_event_numbers_are_exact():
    numbers = np.array([0, 1, 2, 2**62, 2**62 + 1, 2**62 + 2], dtype=np.uint64)
    np.testing.assert_array_equal(folds(ak.Array({"event": numbers})), [int(number) % 3 for number in numbers.tolist()])


def test_functions_see_their_fold_and_the_order_is_kept():
    fold = np.array([2, 0, 1, 1, 0, 2])
    values = ak.Array([[1.0], [], [2.0, 3.0], [4.0], [5.0], []])
    parts = by_fold([lambda part, factor=factor: part * factor for factor in (1, 10, 100)], fold, values)
    assert [rows.tolist() for rows, _ in parts] == [[1, 4], [2, 3], [0, 5]]
    assert in_order(parts).to_list() == [[100.0], [], [20.0, 30.0], [40.0], [5.0], []]


def test_a_fold_without_events():
    fold = np.array([0, 2, 0])
    parts = by_fold([lambda part: part + 1] * 3, fold, np.arange(3.0))
    assert in_order(parts).to_list() == [1.0, 2.0, 3.0]


def test_one_function_is_for_all():
    assert in_order(by_fold([lambda part: part], np.array([1, 2, 0]), np.arange(3))).to_list() == [0, 1, 2]


def test_as_many_functions_as_folds():
    with pytest.raises(RecipeError, match="2 bundles were given for 3 folds"):
        by_fold([lambda part: part] * 2, np.zeros(3, int), np.arange(3))
