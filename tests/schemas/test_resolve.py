"""Schemas: links resolved, against loops."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import transforms
from hypothesis import given, settings
from hypothesis import strategies as st

from coffea_fm.errors import InputError
from coffea_fm.schemas import resolve


def offsets(counts):
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def flat(lists):
    return np.array([x for inner in lists for x in inner], np.int64)


def of(links):
    return ak.to_list(ak.Array(links))


@st.composite
def tables(draw):
    """Per event: number of owners and targets, and (owner, target) pairs, some of them negative."""
    events = []
    for _ in range(draw(st.integers(0, 5))):
        n_owners, n_targets = draw(st.integers(1, 4)), draw(st.integers(1, 6))
        pair = st.tuples(st.integers(-1, n_owners - 1), st.integers(-1, n_targets - 1))
        events.append((n_owners, n_targets, draw(st.lists(pair, max_size=12))))
    return events


@given(tables())
@settings(max_examples=100, deadline=None)
def test_table(events):
    expected, first_target = [], 0
    for n_owners, n_targets, pairs in events:
        expected += [[first_target + t for o, t in pairs if o == owner and t >= 0] for owner in range(n_owners)]
        first_target += n_targets
    links = resolve.table_links(
        "Table",
        offsets([n for n, _, _ in events]),
        offsets([len(pairs) for _, _, pairs in events]),
        flat([[o for o, _ in pairs] for _, _, pairs in events]),
        flat([[t for _, t in pairs] for _, _, pairs in events]),
        offsets([n for _, n, _ in events]),
    )
    assert of(links) == expected


@given(tables())
@settings(max_examples=50, deadline=None)
def test_nested_ranges_and_identifiers_agree_with_the_table(events):
    """The same links, stored in four ways."""
    owner_counts, target_counts = [n for n, _, _ in events], [n for _, n, _ in events]
    lists = [[t for o, t in pairs if o == owner] for n, _, pairs in events for owner in range(n)]
    nested = resolve.nested_links(
        "Nested", offsets(owner_counts), offsets([len(x) for x in lists]), flat(lists), offsets(target_counts)
    )
    first, expected = np.repeat(offsets(target_counts)[:-1], owner_counts), []
    for start, inner in zip(first, lists, strict=True):
        expected.append([start + t for t in inner if t >= 0])
    assert of(nested) == expected

    events_of_owner = np.repeat(np.arange(len(events)), owner_counts)
    index_counts = [sum(len(lists[i]) for i in np.flatnonzero(events_of_owner == e)) for e in range(len(events))]
    ends = np.cumsum([len(x) for x in lists]).astype(np.int64)
    begins = ends - [len(x) for x in lists] if lists else ends
    shift = np.repeat(offsets(index_counts)[:-1], owner_counts)
    ranges = resolve.range_links(
        "Ranges",
        offsets(owner_counts),
        begins - shift,
        ends - shift,
        offsets(index_counts),
        flat(lists),
        offsets(target_counts),
    )
    assert of(ranges) == expected

    # targets in two collections: even and odd positions; identifiers are positions + 1, unique in the event only
    parts = [[list(range(parity, n, 2)) for n in target_counts] for parity in (0, 1)]
    by_id = resolve.id_links(
        "Identifiers",
        offsets(owner_counts),
        offsets([len(x) for x in lists]),
        flat(lists) + 1,
        *(array for part in parts for array in (offsets([len(x) for x in part]), flat(part) + 1)),
    )
    joined = np.concatenate([flat(parts[0]), flat(parts[1])])
    found = [[int(joined[i]) for i in inner] for inner in of(by_id)]
    assert found == [[t for t in inner if t >= 0] for inner in lists]


ONE = offsets([1, 1])


@pytest.mark.parametrize(("owner", "target"), [([0, 1], [0, 0]), ([0, 0], [0, 3])])
def test_table_beyond_the_event_is_refused_by_name(owner, target):
    with pytest.raises(InputError, match=r"FatJetPFCands: 1 of 2 references .* event 1 of this chunk"):
        resolve.table_links("FatJetPFCands", ONE, ONE, np.array(owner), np.array(target), offsets([3, 3]))


def test_other_links_that_do_not_resolve_are_refused_by_name():
    with pytest.raises(InputError, match=r"Jets.GhostTrack: 1 of 2"):
        resolve.nested_links("Jets.GhostTrack", ONE, ONE, np.array([0, 2]), ONE)
    with pytest.raises(InputError, match=r"Jet.particles: 1 of 2"):
        resolve.range_links("Jet.particles", ONE, np.array([0, 0]), np.array([1, 2]), ONE, np.array([0, 0]), ONE)
    with pytest.raises(InputError, match=r"Jet.particles: ranges begin before"):
        resolve.range_links("Jet.particles", ONE, np.array([-1, 0]), np.array([1, 1]), ONE, np.array([0, 0]), ONE)
    with pytest.raises(InputError, match=r"Jet.Constituents: 1 of 2 references match nothing"):
        resolve.id_links("Jet.Constituents", ONE, ONE, np.array([5, 6]), ONE, np.array([5, 5]))
    with pytest.raises(InputError, match=r"Jet.Constituents: 2 of 2"):
        resolve.id_links("Jet.Constituents", ONE, ONE, np.array([5, 6]), offsets([0, 0]), np.array([], np.int64))


def test_results_are_kept_for_equal_operands_only():
    def push(target):
        stack = [ONE, ONE, np.array([0, 0]), np.array(target), offsets([2, 2]), "5", "Table"]
        transforms.fm_table_links(stack)
        (links,) = stack
        return links

    first = push([0, 1])
    assert of(first) == [[0], [3]]
    assert push([0, 1]) is first
    assert of(push([1, 1])) == [[1], [3]]
