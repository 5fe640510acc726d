"""The packed form of a level: one matrix of its fields, and for each list of members the number per thing."""

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
    """Many things of one level, without padding.

    Parameters
    ----------
    values : float32 array of shape [n, n_fields]
        Raw fields, one row per thing; 0 where missing.
    missing : bool array of shape [n, n_missing_fields]
        True where a field that may be missing has no value.
    members : mapping of str to Members
        Members of the things, by the name of their level.
    known : mapping of str to float32 array of shape [n, dim]
        Known outputs of graphs for each thing, such as its ``embedding``.
    """

    values: FloatArray
    missing: BoolArray
    members: Mapping[str, Members] = field(default_factory=dict)
    known: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def n_tokens(self) -> IntArray:
        """Number of things below each thing, summed over all levels, int64 [n]."""
        total = np.zeros(len(self), dtype=np.int64)
        for members in self.members.values():
            total += members.counts
            if members.things.members:
                total += np.diff(offsets_of(members.things.n_tokens)[members.offsets])
        return total

    def at(self, path: Sequence[str]) -> Packed:
        """All things of the level at the end of `path`; see `Level.path`."""
        return self.members[path[0]].things.at(path[1:]) if path else self

    def with_members_only(self) -> Packed:
        """The same things and their members, without the members of the members."""
        members = {
            name: replace(members, things=replace(members.things, members={})) for name, members in self.members.items()
        }
        return replace(self, members=members)

    def without_fields(self) -> Packed:
        """The same things with their members and known outputs, without their own fields."""
        return replace(self, values=self.values[:, :0], missing=self.missing[:, :0])

    def take(self, rows: npt.NDArray[np.integer]) -> Packed:
        """Select things by index, in this order, with their members."""
        members = {name: members.take(rows) for name, members in self.members.items()}
        known = {name: array[rows] for name, array in self.known.items()}
        return Packed(self.values[rows], self.missing[rows], members, known)

    def with_known(self, path: Sequence[str], arrays: Mapping[str, FloatArray]) -> Packed:
        """Add known outputs of graphs for the things of the level at the end of `path`."""
        if not path:
            return replace(self, known={**self.known, **arrays})
        members = self.members[path[0]]
        below = Members(members.counts, members.things.with_known(path[1:], arrays))
        return replace(self, members={**self.members, path[0]: below})

    @staticmethod
    def concatenate(parts: Sequence[Packed]) -> Packed:
        """Concatenate the things of several parts."""
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
    """The members of many things: those of the first thing, then those of the second, and so on.

    Parameters
    ----------
    counts : int64 array of shape [n_parents]
        Number of members of each parent.
    things : Packed
        All members.
    """

    counts: IntArray
    things: Packed

    @cached_property
    def offsets(self) -> IntArray:
        """Where the members of each parent begin, int64 [n_parents + 1]."""
        return offsets_of(self.counts)

    @cached_property
    def parents(self) -> IntArray:
        """Index of the parent of each member, int64 [n]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def rows(self, parents: npt.NDArray[np.integer]) -> IntArray:
        """Row numbers of the members of these parents, in this order."""
        return ranges(self.offsets[:-1][parents], self.counts[parents])

    def take(self, parents: npt.NDArray[np.integer]) -> Members:
        """The members of these parents, in this order."""
        return Members(self.counts[parents], self.things.take(self.rows(parents)))

    def keep(self, kept: BoolArray) -> Members:
        """The members for which `kept` (bool [n]) is true."""
        before = np.concatenate(([0], np.cumsum(kept)))
        return Members(np.diff(before[self.offsets]), self.things.take(np.flatnonzero(kept)))

    def first(self, most: int) -> Members:
        """At most the first `most` members of each parent."""
        if self.counts.max(initial=0) <= most:
            return self
        kept = np.minimum(self.counts, most)
        return Members(kept, self.things.take(ranges(self.offsets[:-1], kept)))
