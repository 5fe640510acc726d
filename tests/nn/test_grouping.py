from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffea_fm.nn.grouping import GROUP_COST, cheapest_groups
from coffea_fm.tokens.padding import length_buckets, padded_length


def cost(groups: list[np.ndarray], lengths: np.ndarray) -> int:
    return sum(GROUP_COST + len(group) * int(padded_length(lengths[group].max())) for group in groups)


@given(st.lists(st.integers(0, 128), max_size=60), st.integers(1, 1000))
def test_every_jet_is_in_one_group_that_is_not_too_large(lengths: list[int], micro_tokens: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    groups = cheapest_groups(array, micro_tokens)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) <= 8 or len(group) * padded_length(array[group].max()) <= micro_tokens
    assert all(len(group) % 8 == 0 for group in groups[1:])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 128), min_size=17, max_size=60))
def test_no_other_grouping_of_the_sorted_lengths_is_cheaper(lengths: list[int]) -> None:
    array = np.array(lengths, dtype=np.int64)
    order = np.argsort(-array, kind="stable")
    found = cost(cheapest_groups(array, 128 * 60), array)
    places = range(len(lengths) % 8 or 8, len(lengths), 8)
    for number in range(len(places) + 1):
        for cuts in combinations(places, number):
            others = np.split(order, cuts)
            sizes = [len(group) * padded_length(array[group].max()) for group in others]
            assert found <= cost(others, array) or min(sizes) < 32 * 60


def test_fewer_padded_tokens_than_greedy_buckets() -> None:
    lengths = np.clip(np.random.default_rng(0).normal(43, 15, 390), 1, 128).astype(np.int64)
    assert cost(cheapest_groups(lengths, 4096), lengths) < 0.9 * cost(length_buckets(lengths, 4096), lengths)


@pytest.mark.parametrize("lengths", [[40] * 20 + [1], [40] * 24 + [1], [128] * 3 + [8] * 200 + [1], [40, 1]])
def test_no_small_rest(lengths: list[int]) -> None:
    array = np.array(lengths)
    groups = cheapest_groups(array, 480)
    if len(groups) > 1:
        assert min(len(group) * padded_length(array[group].max()) for group in groups) >= 120
