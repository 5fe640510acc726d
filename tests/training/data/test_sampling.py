from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.training.data.sampling import Position, batches, shuffled_blocks, split_by_tokens
from coffea_fm.training.data.weights import Weights

START = Position()


def stream(data: ShardDataset, start: Position = START, seed: int = 0) -> list[tuple[Position, np.ndarray]]:
    """Positions, and the jets' pT as their identity."""
    weights = Weights(data, None)
    found = batches(data, weights, batch_tokens=600, shuffle=150, seed=seed, start=start)
    return [(step.following, step.examples.packed.values[:, 0]) for step in islice(found, 40)]


def test_each_pass_sees_each_jet_once(train_data: ShardDataset) -> None:
    seen: dict[int, list[float]] = {}
    epoch = 0
    for position, pt in stream(train_data):
        seen.setdefault(epoch, []).extend(pt)
        epoch = position.epoch
    everything = np.sort(train_data.scalars("pt_raw")["pt_raw"])
    np.testing.assert_array_equal(np.sort(seen[0]), everything)
    np.testing.assert_array_equal(np.sort(seen[1]), everything)
    assert seen[0] != seen[1]


def test_any_position_continues_the_stream(train_data: ShardDataset) -> None:
    whole = stream(train_data)
    for index in (0, 3, 9, 20, 25):
        position = whole[index][0]
        for (left, left_pt), (right, right_pt) in zip(whole[index + 1 :], stream(train_data, position), strict=False):
            assert left == right
            np.testing.assert_array_equal(left_pt, right_pt)


def test_seeds_differ(train_data: ShardDataset) -> None:
    assert stream(train_data)[0][1].tolist() != stream(train_data, seed=1)[0][1].tolist()


def test_batches_have_nearly_equal_tokens(train_data: ShardDataset) -> None:
    found = batches(train_data, Weights(train_data, None), batch_tokens=600, shuffle=150, seed=0, start=Position())
    sizes = [int(examples.packed.members["constituents"].counts.sum()) for _, _, examples in islice(found, 30)]
    assert max(sizes) < 800
    assert min(sizes) > 400


def test_batches_mix_the_classes(train_data: ShardDataset) -> None:
    found = batches(train_data, Weights(train_data, None), batch_tokens=2000, shuffle=400, seed=0, start=Position())
    shares = [examples.columns["target"].mean() for _, _, examples in islice(found, 20)]
    assert min(shares) > 0.25
    assert max(shares) < 0.75


def test_blocks_have_their_share_of_every_class() -> None:
    groups = [RowGroup(Path(f"{kind}"), index, 100, (kind, kind)) for kind in range(4) for index in range(10)]
    blocks = shuffled_blocks(groups, 1000, np.random.default_rng(0))
    assert sorted(groups, key=lambda group: (group.path, group.index)) == sorted(
        (group for block in blocks for group in block), key=lambda group: (group.path, group.index)
    )
    for block in blocks:
        kinds = [group.targets[0] for group in block]
        assert all(1 <= kinds.count(kind) <= 4 for kind in range(4))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 300))
def test_split_keeps_every_jet_once(lengths: list[int], batch_tokens: int) -> None:
    order = np.random.default_rng(0).permutation(len(lengths))
    parts = split_by_tokens(order, np.array(lengths), batch_tokens)
    assert all(len(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), order)
