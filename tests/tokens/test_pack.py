from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.tokens import InputSpec, PackedSets, columns, jet_fields, pack, token_group

SPEC = InputSpec(
    (token_group("constituents", ("pt", "eta", "d0"), max_tokens=3),),
    jet_fields(("pt", "mass")),
)


def make_jets(multiplicity: list[int], per_event: list[int], seed: int = 0) -> ak.Array:
    rng = np.random.default_rng(seed)
    n_tokens = sum(multiplicity)
    d0 = ak.Array([value if value > -0.5 else None for value in rng.normal(size=n_tokens)] or [0.0])[:n_tokens]
    tokens = ak.zip(
        {
            "pt": rng.exponential(size=n_tokens),
            "eta": rng.normal(size=n_tokens),
            "d0": d0,
            "extra": rng.random(n_tokens),
        }
    )
    jets = ak.zip({"pt": rng.random(len(multiplicity)), "mass": rng.random(len(multiplicity))})
    jets["constituents"] = ak.unflatten(tokens, np.array(multiplicity, dtype=np.int64))
    return ak.unflatten(jets, np.array(per_event, dtype=np.int64))


JETS = make_jets([4, 0, 2, 5, 1, 0], [2, 0, 3, 1])


def reference(jets: ak.Array, max_tokens: int = 3) -> list[list[list[float | None]]]:
    """The same by python loops over plain lists."""
    sets = []
    for jet in ak.drop_none(ak.flatten(jets, axis=1) if jets.ndim > 1 else jets).to_list():
        tokens = sorted(jet["constituents"] or [], key=lambda token: -token["pt"])[:max_tokens]
        sets.append([[token["pt"], token["eta"], token["d0"]] for token in tokens])
    return sets


def as_lists(packed: PackedSets) -> list[list[list[float | None]]]:
    tokens = packed.groups["constituents"]
    rows = [
        [float(row[0]), float(row[1]), None if missing[0] else float(row[2])]
        for row, missing in zip(tokens.values, tokens.missing, strict=True)
    ]
    return [rows[start:stop] for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)]


def assert_same(jets: ak.Array) -> None:
    found, expected = as_lists(pack(jets, SPEC)[0]), reference(jets)
    assert [len(tokens) for tokens in found] == [len(tokens) for tokens in expected]
    for tokens, expected_tokens in zip(found, expected, strict=True):
        for token, expected_token in zip(tokens, expected_tokens, strict=True):
            assert [value is None for value in token] == [value is None for value in expected_token]
            numbers = [value for value in expected_token if value is not None]
            assert [value for value in token if value is not None] == pytest.approx(numbers, rel=1e-6)


def test_sorted_and_truncated_by_pt():
    assert_same(JETS)


def test_selections():
    assert_same(JETS[JETS.pt > 0.3])
    assert_same(JETS.mask[JETS.pt > 0.3])
    assert_same(ak.firsts(JETS))
    assert_same(ak.pad_none(JETS, 3))
    assert_same(JETS[::-1])


@settings(deadline=None)
@given(
    multiplicity=st.lists(st.integers(0, 6), max_size=10),
    seed=st.integers(0, 99),
    cut=st.floats(0, 1),
)
def test_any_jets(multiplicity, seed, cut):
    half = len(multiplicity) // 2
    jets = make_jets(multiplicity, [half, 0, len(multiplicity) - half], seed)
    assert_same(jets)
    assert_same(jets[jets.pt > cut])


def test_jet_fields_and_missing_values():
    packed, _ = pack(JETS, SPEC)
    np.testing.assert_allclose(packed.jet[:, 0], ak.flatten(JETS.pt), rtol=1e-6)
    tokens = packed.groups["constituents"]
    assert tokens.missing.any()
    assert (tokens.values[tokens.missing[:, 0], 2] == 0).all()


def test_stored_order_is_kept_when_asked():
    spec = InputSpec((token_group("constituents", ("pt",), max_tokens=2, order="stored"),))
    packed, _ = pack(JETS, spec)
    expected = ak.flatten(ak.flatten(JETS.constituents.pt[..., :2]))
    np.testing.assert_allclose(packed.groups["constituents"].values[:, 0], expected, rtol=1e-6)


def test_no_list_stored_is_an_empty_set():
    jets = ak.flatten(JETS)
    jets["constituents"] = ak.mask(jets.constituents, [True, True, False, True, True, True])
    assert pack(jets, SPEC)[0].groups["constituents"].lengths.tolist() == [3, 0, 0, 3, 1, 0]


def test_none_among_the_tokens_is_dropped():
    jets = ak.flatten(JETS)
    jets["constituents"] = ak.mask(jets.constituents, jets.constituents.pt > 0.5)
    expected = ak.sum(ak.fill_none(jets.constituents.pt > 0.5, value=False), axis=-1)
    lengths = pack(jets, SPEC)[0].groups["constituents"].lengths
    assert lengths.tolist() == np.minimum(expected, 3).tolist()


def test_none_where_a_value_is_needed_becomes_nan():
    jets = ak.Array([{"pt": 1.0, "mass": None, "constituents": [{"pt": 1.0, "eta": None, "d0": None}]}])
    packed, _ = pack(jets, SPEC)
    assert np.isnan(packed.jet[0, 1])
    assert np.isnan(packed.groups["constituents"].values[0, 1])
    assert packed.groups["constituents"].missing[0, 0]


def test_uncorrected_momentum():
    jets = ak.flatten(JETS)
    jets["rawFactor"] = jets.pt * 0
    with pytest.raises(InputError, match="uncorrected"):
        pack(jets, SPEC)
    jets["uncorrected"] = ak.zip({"pt": jets.pt * 0.9, "mass": jets.mass * 0.9})
    np.testing.assert_allclose(pack(jets, SPEC)[0].jet[:, 0], jets.pt * 0.9, rtol=1e-6)
    assert ("uncorrected", "pt") in columns(jets, SPEC)
    corrected = InputSpec(SPEC.groups, SPEC.jet, momentum="corrected")
    np.testing.assert_allclose(pack(jets, corrected)[0].jet[:, 0], jets.pt, rtol=1e-6)


def test_absent_fields_are_named():
    with pytest.raises(
        InputError, match=r"constituents of each jet.*not opened with a schema.*or it does not.*pt, mass"
    ):
        pack(JETS[["pt", "mass"]], SPEC)
    with pytest.raises(InputError, match=r"jets\.mass.*the fields of jets are pt, constituents"):
        pack(JETS[["pt", "constituents"]], SPEC)
    spec = InputSpec((token_group("constituents", ("pt", "charge")),))
    with pytest.raises(InputError, match=r"constituents\.charge"):
        pack(JETS, spec)


def test_take_and_concatenate():
    packed, _ = pack(JETS, SPEC)
    parts = [packed.take(np.array([0, 1])), packed.take(np.array([2, 3, 4, 5]))]
    together = PackedSets.concatenate(parts)
    np.testing.assert_array_equal(together.groups["constituents"].values, packed.groups["constituents"].values)
    np.testing.assert_array_equal(together.jet, packed.jet)
    assert as_lists(packed.take(np.array([3, 0]))) == [as_lists(packed)[3], as_lists(packed)[0]]


def test_unknown_fields_are_refused():
    with pytest.raises(RecipeError, match="'p'"):
        token_group("constituents", ("p",), order="stored")
    with pytest.raises(RecipeError, match="ordered by 'pt'"):
        token_group("constituents", ("eta",))
    with pytest.raises(RecipeError, match="token group"):
        token_group("hits", ("pt",))
