"""Packed trees: parts of them, and parts together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from awkward_jets import random_tree
from hypothesis import given
from hypothesis import strategies as st
from random_jets import assert_same

from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level

CONSTITUENTS = token_level("constituents", ("pt", "d0"), maximum=3)
VERTICES = token_level("vertices", ("pt",))
LEVEL = Level("event", members=(jet_level((CONSTITUENTS, VERTICES), ("pt",), name="FatJet", maximum=4),))


def one_by_one(packed: Packed) -> list[object]:
    """A packed tree as nested Python lists."""
    return [
        (
            packed.values[row].tolist(),
            packed.missing[row].tolist(),
            {name: known[row].tolist() for name, known in packed.known.items()},
            {name: one_by_one(only(members, row)) for name, members in packed.members.items()},
        )
        for row in range(len(packed))
    ]


def only(members: Members, parent: int) -> Packed:
    """The members of one parent, by plain slices."""
    start = int(members.counts[:parent].sum())
    return cut(members.things, start, start + int(members.counts[parent]))


def cut(packed: Packed, start: int, stop: int) -> Packed:
    return Packed(
        packed.values[start:stop],
        packed.missing[start:stop],
        {
            name: Members(
                members.counts[start:stop], joined([only(members, row) for row in range(start, stop)], members)
            )
            for name, members in packed.members.items()
        },
        {name: known[start:stop] for name, known in packed.known.items()},
    )


def joined(parts: list[Packed], members: Members) -> Packed:
    return Packed.concatenate([cut(members.things, 0, 0), *parts])


def trees(seed: int, n: int = 6) -> Packed:
    packed = random_tree(LEVEL, n, seed)
    embedding = np.random.default_rng(seed).normal(size=(len(packed.at(("FatJet",))), 2)).astype(np.float32)
    return packed.with_known(("FatJet",), {"embedding": embedding})


@given(seed=st.integers(0, 999), rows=st.lists(st.integers(0, 5), max_size=9))
def test_taken_rows_keep_all_that_belongs_to_them(seed: int, rows: list[int]) -> None:
    packed = trees(seed)
    whole = one_by_one(packed)
    assert one_by_one(packed.take(np.array(rows, dtype=np.int64))) == [whole[row] for row in rows]


@given(seed=st.integers(0, 999), sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_parts_together_are_the_whole(seed: int, sizes: list[int]) -> None:
    packed = trees(seed, sum(sizes))
    ends = np.cumsum(sizes)
    parts = [packed.take(np.arange(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    assert_same(Packed.concatenate(parts), packed)
    assert one_by_one(Packed.concatenate(parts)) == one_by_one(packed)


@given(seed=st.integers(0, 999), most=st.integers(1, 5), data=st.data())
def test_members_kept_and_first(seed: int, most: int, data: st.DataObject) -> None:
    members = trees(seed).members["FatJet"]
    kept = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(members.things), max_size=len(members.things))), bool
    )
    lists, marks = list(each(members)), list(np.split(kept, members.offsets[1:-1]))
    assert list(each(members.first(most))) == [jets[:most] for jets in lists]
    assert list(each(members.keep(kept))) == [
        [jet for jet, mark in zip(jets, of_event, strict=True) if mark]
        for jets, of_event in zip(lists, marks, strict=True)
    ]


def each(members: Members) -> Iterator[list[object]]:
    for parent in range(len(members.counts)):
        yield one_by_one(only(members, parent))


def test_parents_rows_and_numbers_of_what_stands_below() -> None:
    constituents = Members(np.array([2, 0, 1]), Packed(np.zeros((3, 1), np.float32), np.zeros((3, 0), bool)))
    jets = Packed(np.zeros((3, 1), np.float32), np.zeros((3, 0), bool), {"constituents": constituents})
    events = Packed(
        np.zeros((3, 0), np.float32), np.zeros((3, 0), bool), {"FatJet": Members(np.array([1, 0, 2]), jets)}
    )
    assert constituents.parents.tolist() == [0, 0, 2]
    assert constituents.rows(np.array([2, 0])).tolist() == [2, 0, 1]
    assert jets.n_tokens.tolist() == [2, 0, 1]
    assert events.n_tokens.tolist() == [3, 0, 3]  # a jet and two constituents; two jets and one constituent
    assert events.at(("FatJet", "constituents")) is constituents.things
    assert events.at(()) is events


def test_what_is_known_is_set_at_its_level_alone() -> None:
    packed = random_tree(LEVEL, 3, 0)
    known = packed.with_known(("FatJet",), {"embedding": np.ones((len(packed.at(("FatJet",))), 2), np.float32)})
    assert list(known.at(("FatJet",)).known) == ["embedding"]
    assert not known.known
    assert not packed.at(("FatJet",)).known
    assert_same(known.at(("FatJet", "constituents")), packed.at(("FatJet", "constituents")))


def test_members_without_what_belongs_to_them() -> None:
    packed = trees(0)
    shallow = packed.with_members_only()
    assert not shallow.at(("FatJet",)).members
    np.testing.assert_array_equal(shallow.at(("FatJet",)).values, packed.at(("FatJet",)).values)
    assert list(shallow.at(("FatJet",)).known) == ["embedding"]
