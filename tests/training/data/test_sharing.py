from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from coffea_fm.arrays import IntArray
from coffea_fm.nn.batches import Columns
from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.tokens import Packed
from coffea_fm.training.data.sampling import Position, Step, batches
from coffea_fm.training.data.sharing import Sharing, shuffled_rows
from coffea_fm.training.data.weights import Weights

STEPS = 24


@pytest.fixture
def folder(train_data: ShardDataset, tmp_path: Path) -> Path:
    """The same shards with more row groups."""
    folder = tmp_path / "finer"
    folder.mkdir()
    for path in train_data.folder.glob("*.parquet"):
        pq.write_table(pq.read_table(path), folder / path.name, row_group_size=40)
    return folder


def adders(world: int) -> list[Callable[[IntArray], IntArray]]:
    """For threads that stand for processes: each gives an array, and all get the sum."""
    given: list[IntArray] = [np.zeros(0, dtype=np.int64)] * world
    barrier = threading.Barrier(world, timeout=60)

    def adder(rank: int) -> Callable[[IntArray], IntArray]:
        def add(numbers: IntArray) -> IntArray:
            given[rank] = numbers
            barrier.wait()
            total: IntArray = np.sum(given, axis=0)
            barrier.wait()
            return total

        return add

    return [adder(rank) for rank in range(world)]


def run(folder: Path, world: int, shuffle: int, start: Position) -> tuple[list[list[Step]], list[list[RowGroup]]]:
    """The steps of each process, and the row groups that it read."""
    steps: list[list[Step]] = [[] for _ in range(world)]
    read: list[list[RowGroup]] = [[] for _ in range(world)]
    added = adders(world)

    def work(rank: int) -> None:
        data = ShardDataset(folder)
        weights, original = Weights(data, None), data.read

        def recorded(row_groups: Sequence[RowGroup]) -> tuple[Packed, Columns]:
            read[rank].extend(row_groups)
            return original(row_groups)

        data.read = recorded  # type: ignore[method-assign]
        sharing = Sharing(rank, world, added[rank])
        found = batches(data, weights, batch_tokens=600, shuffle=shuffle, seed=3, start=start, sharing=sharing)
        steps[rank] = list(islice(found, STEPS))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return steps, read


def jets(step: Step) -> list[float]:
    return sorted(step.examples.packed.values[:, 0].tolist())


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("shuffle", [150, 10**6])
def test_processes_share_the_steps_of_one_without_overlap(folder: Path, world: int, shuffle: int) -> None:
    (alone,), _ = run(folder, 1, shuffle, Position())
    steps, _ = run(folder, world, shuffle, Position())
    for index, whole in enumerate(alone):
        of_all = [step[index] for step in steps]
        assert {(step.following, step.size) for step in of_all} == {(whole.following, whole.size)}
        assert sorted(chain(*map(jets, of_all))) == jets(whole)
    # and from a position in the middle, with another number of processes
    middle = alone[10].following
    (goes_on,), _ = run(folder, 1, shuffle, middle)
    assert [jets(step) for step in goes_on[: STEPS - 11]] == [jets(step) for step in alone[11:]]


def test_each_row_group_is_read_by_one_process(folder: Path) -> None:
    steps, read = run(folder, 2, 10**6, Position())
    passes = 1 + steps[0][-2].following.epoch
    assert sorted(map(repr, read[0] + read[1])) == sorted(map(repr, ShardDataset(folder).row_groups * passes))


def groups(*kinds: int) -> list[RowGroup]:
    return [RowGroup(Path(f"{index}"), 0, 100 + 10 * index, (kind, kind)) for index, kind in enumerate(kinds)]


def test_classes_are_spread_over_the_processes() -> None:
    owners = Sharing(0, 2).owners(groups(0, 0, 0, 0, 1, 1, 1, 1))
    assert owners is not None
    assert sorted(owners[:4]) == sorted(owners[4:]) == [0, 0, 1, 1]


def test_few_row_groups_are_dealt_row_by_row() -> None:
    assert Sharing(0, 2).owners(groups(0, 1)) is None


def many_groups() -> list[RowGroup]:
    return [RowGroup(Path(f"{index}"), 0, 300 if index % 5 else 170, (index % 4, index % 4)) for index in range(30)]


@pytest.mark.parametrize("world", [2, 3, 4])
def test_processes_have_as_many_rows_in_each_step(world: int) -> None:
    """A random order would give a process of two 50 ± 5 of 100 rows."""
    block = many_groups()
    sizes = [group.n_sets for group in block]
    owners = Sharing(0, world).owners(block)
    assert owners is not None
    order = shuffled_rows(block, np.random.default_rng(0))
    assert sorted(order) == list(range(sum(sizes)))
    owner_of = np.repeat(owners, sizes)[order]
    share = np.bincount(owner_of) / len(owner_of)
    assert share == pytest.approx(1 / world, rel=0.05)
    for rank in range(world):
        counts = (owner_of[: len(order) // 100 * 100].reshape(-1, 100) == rank).sum(axis=1)
        assert counts.std() < 0.5 * np.sqrt(100 * share[rank] * (1 - share[rank]))


def test_processes_that_do_not_divide_the_parts_have_as_many_rows() -> None:
    block = groups(*range(48))
    owners = Sharing(0, 8).owners(block)
    assert owners is not None
    assert {owners.count(rank) for rank in range(8)} == {6}


def test_the_order_is_random() -> None:
    first, second = (shuffled_rows(many_groups(), np.random.default_rng(seed)) for seed in (0, 1))
    assert np.corrcoef(first, second)[0, 1] < 0.1
    assert abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.1
