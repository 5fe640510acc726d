"""The order of the training examples, a function of seed and position only, so that runs resume exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.nn.batches import Examples
from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.training.data.sharing import Sharing, read_block, shuffled_rows
from coffea_fm.training.data.weights import Weights


class Stream(IntEnum):
    """Separate random streams of one seed."""

    ROW_GROUPS = 0
    EXAMPLES = 1
    STEP = 2
    VALIDATION = 3


@dataclass(frozen=True, order=True)
class Position:
    """The next batch to train on: batch `batch` of shuffled block `block` in epoch `epoch`."""

    epoch: int = 0
    block: int = 0
    batch: int = 0


class Step(NamedTuple):
    """What one optimizer step trains on.

    Attributes
    ----------
    following : Position
        Position after this step, to continue from.
    size : int
        Number of rows of the step, of all processes.
    examples : Examples
        The rows of this process.
    """

    following: Position
    size: int
    examples: Examples


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Random generator that depends only on the arguments."""
    return np.random.default_rng([seed, stream, *place])


def batches(
    dataset: ShardDataset,
    weights: Weights,
    *,
    batch_tokens: int,
    batch_size: int | None = None,
    shuffle: int,
    seed: int,
    start: Position,
    sharing: Sharing = Sharing(),  # noqa: B008
) -> Iterator[Step]:
    """Yield batches endlessly, starting at a position.

    The data may not fit into memory, so they are shuffled in two stages: each epoch splits the row groups at random into
    blocks of about `shuffle` rows, reads one block at a time, and shuffles its rows (see `shuffled_rows`). With `batch_size`, batches have
    that many rows, regardless of their number of tokens. The rows of each batch are the same for any number of processes.
    """
    position = start
    while True:
        blocks = shuffled_blocks(dataset.row_groups, shuffle, generator(seed, Stream.ROW_GROUPS, position.epoch))
        block = read_block(dataset, blocks[position.block], weights, sharing)
        lengths = block.lengths if batch_size is None else np.ones_like(block.lengths)
        order = shuffled_rows(blocks[position.block], generator(seed, Stream.EXAMPLES, position.epoch, position.block))
        parts = split_by_tokens(order, lengths, batch_tokens if batch_size is None else batch_size)
        for index in range(position.batch, len(parts)):
            if index + 1 < len(parts):
                following = Position(position.epoch, position.block, index + 1)
            elif position.block + 1 < len(blocks):
                following = Position(position.epoch, position.block + 1)
            else:
                following = Position(position.epoch + 1)
            yield Step(following, len(parts[index]), block.take(parts[index]))
        position = following


def shuffled_blocks(row_groups: Sequence[RowGroup], shuffle: int, random: np.random.Generator) -> list[list[RowGroup]]:
    """Split row groups at random into blocks with similar class composition.

    Shards often contain a single class. If whole row groups were shuffled freely, some blocks would contain mostly one
    class, and the training would drift towards it. Row groups with the same targets are therefore spread evenly over
    the epoch, with random offsets.
    """
    order = random.permutation(len(row_groups))
    places = np.empty(len(row_groups))
    kinds = np.array([row_groups[index].targets for index in order])
    for kind in np.unique(kinds, axis=0):
        members = np.flatnonzero((kinds == kind).all(axis=1))
        places[members] = (np.arange(len(members)) + random.random(len(members))) / len(members)
    spread = [row_groups[index] for index in order[np.argsort(places, kind="stable")]]
    ends = np.cumsum([group.n_sets for group in spread])
    n_blocks = max(1, round(int(ends[-1]) / shuffle))
    block_of = np.minimum((ends - 1) * n_blocks // ends[-1], n_blocks - 1)
    blocks = [[spread[index] for index in np.flatnonzero(block_of == block)] for block in range(n_blocks)]
    return [block for block in blocks if block]


def split_by_tokens(order: IntArray, lengths: IntArray, batch_tokens: int) -> list[IntArray]:
    """Split shuffled rows into batches with nearly the same number of tokens, about `batch_tokens` each."""
    ends = np.cumsum(np.maximum(lengths[order], 1))
    n_batches = max(1, round(int(ends[-1]) / batch_tokens))
    cuts = np.searchsorted(ends, np.arange(1, n_batches) * (ends[-1] / n_batches), side="left") + 1
    return [part for part in np.split(order, cuts) if len(part)]
