from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coffea_fm.tokens import Level, Members, Packed, array_names, jet_level, length_buckets, pad, token_level

LEVEL = jet_level((token_level("constituents", ("pt", "d0")),), ("pt",))


def make_packed(lengths: list[int], seed: int = 0) -> Packed:
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    tokens = Packed(rng.random((total, 2), dtype=np.float32), rng.random((total, 1)) < 0.3)
    jet = rng.random((len(lengths), 1), dtype=np.float32)
    return Packed(jet, np.zeros((len(jet), 0), bool), {"constituents": Members(np.array(lengths, np.int64), tokens)})


@given(lengths=st.lists(st.integers(0, 40), max_size=30), batch_tokens=st.integers(1, 200))
def test_buckets_hold_every_set_once(lengths: list[int], batch_tokens: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    batches = length_buckets(array, batch_tokens)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(-(-array[batch].max() // 8), 1) * 8
        assert len(batch) == 1 or len(batch) * longest <= batch_tokens


def test_buckets_have_few_shapes() -> None:
    lengths = np.random.default_rng(0).integers(1, 128, size=5000)
    batches = length_buckets(lengths, 512)
    shapes = {(len(batch), -(-lengths[batch].max() // 8) * 8) for batch in batches}
    assert len(shapes) <= 17


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=10), seed=st.integers(0, 9))
def test_padding_keeps_every_token(lengths: list[int], seed: int) -> None:
    packed = make_packed(lengths, seed)
    arrays = pad(packed, LEVEL)
    tokens = packed.at(("constituents",))
    mask = arrays["constituents_mask"]
    assert mask.sum(axis=1).tolist() == lengths
    assert mask.shape[1] % 8 == 0
    assert (mask == np.sort(mask, axis=1)[:, ::-1]).all()
    np.testing.assert_array_equal(arrays["constituents"][mask], tokens.values)
    np.testing.assert_array_equal(arrays["constituents_missing"][mask], tokens.missing)
    assert (arrays["constituents"][~mask] == 0).all()
    np.testing.assert_array_equal(arrays["jet"], packed.values)


def test_a_bad_number_stays_in_its_set() -> None:
    packed = make_packed([2, 3])
    packed.at(("constituents",)).values[0] = np.nan
    arrays = pad(packed, LEVEL)
    assert np.isnan(arrays["constituents"][0]).any()
    assert np.isfinite(arrays["constituents"][1]).all()


def test_no_sets() -> None:
    arrays = pad(make_packed([]), LEVEL)
    assert arrays["constituents"].shape == (0, 8, 2)
    assert length_buckets(np.zeros(0, dtype=np.int64), 100) == []


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=10), multiple=st.integers(1, 9))
def test_padding_to_any_multiple_holds_the_same(lengths: list[int], multiple: int) -> None:
    packed = make_packed(lengths)
    plain, padded = pad(packed, LEVEL, 1), pad(packed, LEVEL, multiple)
    length = plain["constituents"].shape[1]
    assert length == max(1, *lengths)
    assert padded["constituents"].shape[1] % multiple == 0
    assert padded["constituents"].shape[1] < length + multiple
    for name in ("constituents", "constituents_mask", "constituents_missing"):
        np.testing.assert_array_equal(padded[name][:, :length], plain[name])
        assert not padded[name][:, length:].any()


def test_events_are_padded_as_jets_are() -> None:
    jets = jet_level((), ("pt",), name="Jet", maximum=4)
    event = Level("event", members=(jets,))
    things = Packed(np.arange(3, dtype=np.float32)[:, np.newaxis], np.zeros((3, 0), bool))
    nothing = np.zeros((2, 0), np.float32)
    packed = Packed(nothing, nothing.astype(bool), {"Jet": Members(np.array([1, 2]), things)})
    assert list(pad(packed, event, 2)) == list(array_names(event)) == ["Jet", "Jet_mask"]
    packed = packed.with_known(("Jet",), {"embedding": np.arange(6, dtype=np.float32).reshape(3, 2)})
    packed = packed.with_known((), {"embedding": np.array([[7.0], [8.0]], np.float32)})
    arrays = pad(packed, event, 2)
    assert set(arrays) == {"Jet", "Jet_mask", "Jet_embedding", "embedding"}
    assert arrays["Jet_mask"].tolist() == [[True, False], [True, True]]
    assert arrays["Jet"][..., 0].tolist() == [[0, 0], [1, 2]]
    assert arrays["Jet_embedding"].tolist() == [[[0, 1], [0, 0]], [[2, 3], [4, 5]]]
    assert arrays["embedding"].tolist() == [[7], [8]]


def test_several_groups_have_lengths_of_their_own() -> None:
    level = jet_level((*LEVEL.members, token_level("vertices", ("pt",))), ("pt",))
    packed = make_packed([9, 1])
    vertices = Members(np.array([0, 2]), Packed(np.array([[3.0], [4.0]], np.float32), np.zeros((2, 0), bool)))
    both = Packed(packed.values, packed.missing, {**packed.members, "vertices": vertices})
    arrays = pad(both, level, 2)
    assert set(arrays) == set(array_names(level))
    assert arrays["constituents"].shape == (2, 10, 2)
    assert arrays["vertices"][..., 0].tolist() == [[0, 0], [3, 4]]
    np.testing.assert_array_equal(pad(packed, level, 2)["constituents"], arrays["constituents"])
    assert "vertices" not in pad(packed, level, 2)
