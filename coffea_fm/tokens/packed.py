"""The packed form of a level: one matrix of its fields, and for each list below it how many belong to each thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray, FloatArray, IntArray
from coffea_fm.tokens.jagged import offsets_of, ranges


@dataclass(frozen=True)
class Packed:
    """Many things of one level, nothing padded.

    Parameters
    ----------
    values : float32 array of shape [n, n_fields]
        Raw fields, one thing after the other; 0 where missing.
    missing : bool array of shape [n, n_missing_fields]
        Where a thing has no value of a field that may be missing.
    members : mapping of str to Members
        What belongs to each, by the name of the level below.
    known : mapping of str to float32 array of shape [n, dim]
        What graphs gave for each already, such as its ``embedding``.
    """

    values: FloatArray
    missing: BoolArray
    members: Mapping[str, Members] = field(default_factory=dict)
    known: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def n_tokens(self) -> IntArray:
        """How many things stand below each, on all levels together, int64 [n]."""
        total = np.zeros(len(self), dtype=np.int64)
        for members in self.members.values():
            total += members.counts
            if members.things.members:
                total += np.diff(offsets_of(members.things.n_tokens)[members.offsets])
        return total

    def at(self, path: Sequence[str]) -> Packed:
        """All things of the level that `path` leads to; see `Level.path`."""
        return self.members[path[0]].things.at(path[1:]) if path else self

    def with_members_only(self) -> Packed:
        """The same things and their members, without what belongs to these in turn."""
        members = {
            name: replace(members, things=replace(members.things, members={})) for name, members in self.members.items()
        }
        return replace(self, members=members)

    def take(self, rows: npt.NDArray[np.integer]) -> Packed:
        """These things, in this order, with what belongs to them."""
        members = {name: members.take(rows) for name, members in self.members.items()}
        known = {name: array[rows] for name, array in self.known.items()}
        return Packed(self.values[rows], self.missing[rows], members, known)

    def with_known(self, path: Sequence[str], arrays: Mapping[str, FloatArray]) -> Packed:
        """The same with what graphs gave for the things of the level that `path` leads to."""
        if not path:
            return replace(self, known={**self.known, **arrays})
        members = self.members[path[0]]
        below = Members(members.counts, members.things.with_known(path[1:], arrays))
        return replace(self, members={**self.members, path[0]: below})

    @staticmethod
    def concatenate(parts: Sequence[Packed]) -> Packed:
        """All things of several parts, one part after the other."""
        members = {
            name: Members(
                np.concatenate([part.members[name].counts for part in parts]),
                Packed.concatenate([part.members[name].things for part in parts]),
            )
            for name in parts[0].members
        }
        known = {name: np.concatenate([part.known[name] for part in parts]) for name in parts[0].known}
        values = np.concatenate([part.values for part in parts])
        return Packed(values, np.concatenate([part.missing for part in parts]), members, known)


@dataclass(frozen=True)
class Members:
    """What belongs to many things: the members of the first, then those of the second, and so on.

    Parameters
    ----------
    counts : int64 array of shape [n_parents]
        How many each has.
    things : Packed
        All of them.
    """

    counts: IntArray
    things: Packed

    @cached_property
    def offsets(self) -> IntArray:
        """Where those of each parent begin, int64 [n_parents + 1]."""
        return offsets_of(self.counts)

    @cached_property
    def parents(self) -> IntArray:
        """Which parent each belongs to, int64 [n]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def rows(self, parents: npt.NDArray[np.integer]) -> IntArray:
        """Where the members of these parents stand, in this order."""
        return ranges(self.offsets[:-1][parents], self.counts[parents])

    def take(self, parents: npt.NDArray[np.integer]) -> Members:
        """Those of these parents, in this order."""
        return Members(self.counts[parents], self.things.take(self.rows(parents)))

    def keep(self, kept: BoolArray) -> Members:
        """Those where `kept` (bool [n]) is true."""
        before = np.concatenate(([0], np.cumsum(kept)))
        return Members(np.diff(before[self.offsets]), self.things.take(np.flatnonzero(kept)))

    def first(self, most: int) -> Members:
        """At most the first `most` of each parent."""
        if self.counts.max(initial=0) <= most:
            return self
        kept = np.minimum(self.counts, most)
        return Members(kept, self.things.take(ranges(self.offsets[:-1], kept)))
