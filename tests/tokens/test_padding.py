from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, jet_fields, length_buckets, pad, token_group

SPEC = InputSpec((token_group("constituents", ("pt", "d0")),), jet_fields(("pt",)))


def make_packed(lengths: list[int], seed: int = 0) -> PackedSets:
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    tokens = PackedTokens(
        rng.random((total, 2), dtype=np.float32), np.array(lengths, dtype=np.int64), rng.random((total, 1)) < 0.3
    )
    return PackedSets({"constituents": tokens}, rng.random((len(lengths), 1), dtype=np.float32))


@given(lengths=st.lists(st.integers(0, 40), max_size=30), batch_tokens=st.integers(1, 200))
def test_buckets_hold_every_set_once(lengths, batch_tokens):
    array = np.array(lengths, dtype=np.int64)
    batches = length_buckets(array, batch_tokens)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(-(-array[batch].max() // 8), 1) * 8
        assert len(batch) == 1 or len(batch) * longest <= batch_tokens


def test_buckets_have_few_shapes():
    lengths = np.random.default_rng(0).integers(1, 128, size=5000)
    batches = length_buckets(lengths, 512)
    shapes = {(len(batch), -(-lengths[batch].max() // 8) * 8) for batch in batches}
    assert len(shapes) <= 17


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=10), seed=st.integers(0, 9))
def test_padding_keeps_every_token(lengths, seed):
    packed = make_packed(lengths, seed)
    arrays = pad(packed, SPEC)
    tokens = packed.groups["constituents"]
    mask = arrays["constituents_mask"]
    assert mask.sum(axis=1).tolist() == lengths
    assert mask.shape[1] % 8 == 0
    np.testing.assert_array_equal(arrays["constituents"][mask], tokens.values)
    np.testing.assert_array_equal(arrays["constituents_missing"][mask], tokens.missing)
    assert (arrays["constituents"][~mask] == 0).all()
    np.testing.assert_array_equal(arrays["jet"], packed.jet)


def test_a_bad_number_stays_in_its_set():
    packed = make_packed([2, 3])
    packed.groups["constituents"].values[0] = np.nan
    arrays = pad(packed, SPEC)
    assert np.isnan(arrays["constituents"][0]).any()
    assert np.isfinite(arrays["constituents"][1]).all()


def test_no_sets():
    arrays = pad(make_packed([]), SPEC)
    assert arrays["constituents"].shape == (0, 8, 2)
    assert length_buckets(np.zeros(0, dtype=np.int64), 100) == []
