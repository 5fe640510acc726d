from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_events import write_random_events

from coffea_fm.errors import InputError
from coffea_fm.hashing import hash_to_uniform
from coffea_fm.shards import ShardDataset
from coffea_fm.training.data.split import split
from coffea_fm.training.recipe.sections import SplitConfig


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    return ShardDataset(write_random_events(tmp_path_factory.mktemp("events"), (900, 900, 1200)))


def test_a_fold_is_in_neither_part_and_no_event_in_both(data: ShardDataset) -> None:
    folds = data.scalars("fold")["fold"]
    for fold in range(3):
        train, validation = split(data, SplitConfig(leave_out=fold, validation=0.25))
        assert not (train & validation).any()
        np.testing.assert_array_equal(train | validation, folds != fold)
        assert validation.sum() / 2000 == pytest.approx(0.25, abs=0.03)


def test_fewer_examples_are_parts_of_more(data: ShardDataset) -> None:
    sizes = {}
    for examples in (100, 500, 2500):
        train, validation = split(data, SplitConfig(leave_out=1, examples=examples))
        sizes[examples] = train | validation
        assert (train.sum() + validation.sum()) == min(examples, 2000)
    assert (sizes[100] <= sizes[500]).all()
    assert (sizes[500] <= sizes[2500]).all()
    other, validation = split(data, SplitConfig(leave_out=1, examples=500, draw=1))
    assert 50 < ((other | validation) & sizes[500]).sum() < 250


def test_the_split_is_by_event_alone(tmp_path: Path, data: ShardDataset) -> None:
    """Other shards of the same events are split alike."""
    again = ShardDataset(write_random_events(tmp_path / "again", (3000,)))
    config = SplitConfig(examples=300, draw=2)
    for left, right in zip(split(data, config), split(again, config), strict=True):
        np.testing.assert_array_equal(left, right)


def test_numbers_are_uniform_and_streams_independent() -> None:
    events = np.arange(17729624997888, 17729624997888 + 20000, dtype=np.uint64)
    left, right = hash_to_uniform([events], 0), hash_to_uniform([events], 1)
    for numbers in (left, right, left[::3]):
        counts, _ = np.histogram(numbers, 20, (0, 1))
        expected = len(numbers) / 20
        assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.03


def test_what_cannot_be_split_is_named(data: ShardDataset) -> None:
    with pytest.raises(InputError, match=r"data.split.leave_out: .* has no rows in fold 3, only in: 0, 1, 2"):
        split(data, SplitConfig(leave_out=3))
    with pytest.raises(InputError, match=r"part of the 2 selected rows .* has no examples of class"):
        split(data, SplitConfig(examples=2))
