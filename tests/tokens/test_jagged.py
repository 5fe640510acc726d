from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffea_fm.errors import InputError
from coffea_fm.tokens.jagged import flatten, ranges


def records(values):
    return ak.zip({"pt": values})


def there_and_back(jets: ak.Array) -> ak.Array:
    """Flatten, read pt of each record, and put it back."""
    rows, rewrap = flatten(jets)
    values, _ = rows.field("pt").values()
    return rewrap(ak.contents.NumpyArray(np.asarray(values)))


def same(jets: ak.Array) -> None:
    back = there_and_back(jets)
    expected = ak.materialize(jets["pt"])
    assert back.to_list() == expected.to_list()
    assert ak.type(ak.drop_none(back, axis=None)) == ak.type(ak.drop_none(ak.without_parameters(expected), axis=None))
    assert str(back.type) == str(ak.without_parameters(expected).type)


EVENTS = records(ak.Array([[5.0, 3.0], [], [2.0], [4.0, 1.0, 0.5], []]))


def test_plain_lists():
    same(EVENTS)


def test_one_jet_an_entry():
    same(records(np.array([1.0, 2.0, 3.0])))


def test_selected_sorted_and_sliced():
    same(EVENTS[EVENTS.pt > 1])
    same(EVENTS[ak.argsort(EVENTS.pt)])
    same(EVENTS[1:4])
    same(EVENTS[::-2])
    same(EVENTS[[3, 0, 3]])


def test_options():
    same(EVENTS.mask[EVENTS.pt > 1])
    same(ak.firsts(EVENTS))
    same(ak.pad_none(EVENTS, 2))
    same(ak.pad_none(EVENTS, 2, clip=True))
    same(EVENTS.mask[ak.num(EVENTS) > 1])
    same(ak.mask(ak.firsts(EVENTS), [True, False, True, True, True]))
    same(ak.mask(EVENTS.mask[ak.num(EVENTS) > 1], [True, True, False, False, True]))


def test_deeper_levels():
    pairs = ak.combinations(EVENTS, 2)
    same(pairs["0"])
    same(ak.unflatten(EVENTS, [2, 0, 3], axis=0))
    same(ak.to_regular(ak.pad_none(EVENTS, 3, clip=True), axis=1))


def test_empty():
    same(EVENTS[:0])
    same(EVENTS[[1, 4]])


def test_option_levels_of_every_layout():
    content = ak.contents.RecordArray([ak.contents.NumpyArray(np.arange(5.0))], ["pt"])
    bytes_mask = ak.contents.ByteMaskedArray(ak.index.Index8(np.array([1, 0, 1, 1, 0], dtype=np.int8)), content, True)
    bits_mask = ak.contents.BitMaskedArray(
        ak.index.IndexU8(np.array([0b10110], dtype=np.uint8)), content, True, 5, lsb_order=True
    )
    same(ak.Array(bytes_mask))
    same(ak.Array(bits_mask))
    rows, rewrap = flatten(ak.Array(ak.contents.UnmaskedArray(content)))
    assert len(rows.index) == 5
    assert str(rewrap(ak.contents.NumpyArray(np.arange(5.0))).type) == "5 * ?float64"


@given(
    counts=st.lists(st.integers(0, 4), min_size=0, max_size=8),
    choose=st.lists(st.integers(0, 7), max_size=8),
    threshold=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_any_selection(counts, choose, threshold, seed):
    values = np.random.default_rng(seed).random(sum(counts))
    jets = records(ak.unflatten(values, np.array(counts, dtype=np.int64)))
    jets = jets[np.array([event for event in choose if event < len(counts)], dtype=np.int64)]
    same(jets)
    same(jets[jets.pt > threshold])
    same(jets.mask[jets.pt > threshold])
    same(ak.pad_none(jets[ak.argsort(jets.pt, ascending=False)], 3))


def test_numbers_are_refused():
    with pytest.raises(InputError, match="records"):
        flatten(ak.Array([[1.0, 2.0]]))
    with pytest.raises(InputError, match="awkward array"):
        flatten(np.zeros(3))


def test_ranges():
    starts, counts = np.array([5, 2, 9, 0]), np.array([2, 0, 3, 1])
    assert ranges(starts, counts).tolist() == [5, 6, 9, 10, 11, 0]
    assert ranges(starts[:0], counts[:0]).tolist() == []
