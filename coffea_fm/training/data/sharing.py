"""Which rows of a block each process reads and trains on. No row is trained on by two, and the steps are those of one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.nn.batches import Examples
from coffea_fm.shards import RowGroup, ShardDataset
from coffea_fm.training.data.weights import Weights

PARTS = 12
"""The rows of a block are in so many parts of similar size, and each step has as many of one as of another: 2, 3, 4, 6 and
12 processes, each with whole parts, have nearly the same number of rows in each step. If one of two had random rows, the
slower would be late by 9% in steps of a hundred jets, and by 4% in steps of four hundred."""

FEWEST_GROUPS = 4
"""With fewer row groups per process, one could have much more to do than another: then the rows are dealt in turn."""


@dataclass(frozen=True)
class Sharing:
    """The processes of a training, as one of them sees them.

    Parameters
    ----------
    rank, world : int
        Number of this process, and of all processes.
    add : callable, optional
        Sums an int64 array over all processes.
    """

    rank: int = 0
    world: int = 1
    add: Callable[[IntArray], IntArray] = lambda numbers: numbers

    def owners(self, block: Sequence[RowGroup]) -> list[int] | None:
        """The process of each row group, or None if the rows of all are dealt in turn.

        Row groups with the same targets go to different processes, so that all have jets of the same kinds, and the
        process with the fewest rows gets the next. If possible, a process gets whole parts of the block.
        """
        if len(block) < FEWEST_GROUPS * self.world:
            return None
        parts = parts_of(block)
        if parts is None or PARTS % self.world:  # or they would have unequal numbers of parts
            return _dealt([group.n_sets for group in block], _by_target(block), self.world)
        rows = [0] * PARTS
        for group, part in zip(block, parts, strict=True):
            rows[part] += group.n_sets
        owners = _dealt(rows, sorted(range(PARTS), key=lambda part: -rows[part]), self.world)
        return [owners[part] for part in parts]


def parts_of(block: Sequence[RowGroup]) -> list[int] | None:
    """The part of each row group, whatever the number of processes; None if there are too few row groups."""
    if len(block) < PARTS:
        return None
    return _dealt([group.n_sets for group in block], _by_target(block), PARTS)


def shuffled_rows(block: Sequence[RowGroup], random: np.random.Generator) -> IntArray:
    """A random order of the rows of a block in which its parts are spread evenly, int64 [n_rows]."""
    sizes = [group.n_sets for group in block]
    parts = parts_of(block)
    part_of = np.arange(sum(sizes)) % PARTS if parts is None else np.repeat(parts, sizes)
    places = np.empty(len(part_of))
    for part in range(PARTS):
        rows = np.flatnonzero(part_of == part)
        places[rows] = (random.permutation(len(rows)) + random.random(len(rows))) / max(1, len(rows))
    return np.argsort(places, kind="stable")


def _by_target(block: Sequence[RowGroup]) -> list[int]:
    return sorted(range(len(block)), key=lambda index: (block[index].targets, -block[index].n_sets))


def _dealt(sizes: Sequence[int], order: Iterable[int], number: int) -> list[int]:
    """Deal things to `number` holders: the one with the least gets the next."""
    held = [0] * number
    holders = [0] * len(sizes)
    for index in order:
        holders[index] = held.index(min(held))
        held[holders[index]] += sizes[index]
    return holders


@dataclass(frozen=True)
class Block:
    """Rows that are shuffled together, of which this process has read its own.

    Parameters
    ----------
    examples : Examples
        The rows of this process.
    places : int64 array of shape [n_rows]
        For each row of the block its index in `examples`; -1 for rows of other processes.
    lengths : int64 array of shape [n_rows]
        Number of tokens of each row, of all processes.
    """

    examples: Examples
    places: IntArray
    lengths: IntArray

    def take(self, rows: IntArray) -> Examples:
        """Those of some rows of the block that belong to this process."""
        places = self.places[rows]
        return self.examples.take(places[places >= 0])


def read_block(dataset: ShardDataset, block: Sequence[RowGroup], weights: Weights, sharing: Sharing) -> Block:
    """Read the rows of this process, and learn the lengths of the others."""
    owners = sharing.owners(block)
    sizes = [group.n_sets for group in block]
    if owners is None:
        mine = np.arange(sum(sizes)) % sharing.world == sharing.rank
        examples = Examples.of(*dataset.read(block), weights)
        examples = examples if mine.all() else examples.take(np.flatnonzero(mine))
    else:
        mine = np.repeat(np.array(owners) == sharing.rank, sizes)
        own = [group for group, owner in zip(block, owners, strict=True) if owner == sharing.rank]
        examples = Examples.of(*dataset.read(own), weights)
    places = np.where(mine, np.cumsum(mine) - 1, -1)
    lengths = np.zeros(len(mine), dtype=np.int64)
    lengths[mine] = examples.packed.n_tokens
    return Block(examples, places, sharing.add(lengths))
