from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from awkward_jets import make_jets
from hypothesis import given, settings
from hypothesis import strategies as st

from coffea_fm.errors import InputError
from coffea_fm.tokens import Packed, columns, jet_level, pack, token_level

LEVEL = jet_level((token_level("constituents", ("pt", "eta", "d0"), maximum=3),), ("pt", "mass"))
RAW = jet_level(LEVEL.members, ("pt_raw", "mass_raw"))


JETS = make_jets([4, 0, 2, 5, 1, 0], [2, 0, 3, 1])


def reference(jets: ak.Array, max_tokens: int = 3) -> list[list[list[float | None]]]:
    """The same by python loops over plain lists."""
    sets = []
    for jet in ak.drop_none(ak.flatten(jets, axis=1) if jets.ndim > 1 else jets).to_list():
        tokens = sorted(jet["constituents"] or [], key=lambda token: -token["pt"])[:max_tokens]
        sets.append([[token["pt"], token["eta"], token["d0"]] for token in tokens])
    return sets


def as_lists(packed: Packed) -> list[list[list[float | None]]]:
    members = packed.members["constituents"]
    rows = [
        [float(row[0]), float(row[1]), None if missing[0] else float(row[2])]
        for row, missing in zip(members.things.values, members.things.missing, strict=True)
    ]
    return [rows[start:stop] for start, stop in zip(members.offsets[:-1], members.offsets[1:], strict=True)]


def assert_same(jets: ak.Array) -> None:
    found, expected = as_lists(pack(jets, LEVEL)[0]), reference(jets)
    assert [len(tokens) for tokens in found] == [len(tokens) for tokens in expected]
    for tokens, expected_tokens in zip(found, expected, strict=True):
        for token, expected_token in zip(tokens, expected_tokens, strict=True):
            assert [value is None for value in token] == [value is None for value in expected_token]
            numbers = [value for value in expected_token if value is not None]
            assert [value for value in token if value is not None] == pytest.approx(numbers, rel=1e-6)


def test_sorted_and_truncated_by_pt() -> None:
    assert_same(JETS)


def test_selections() -> None:
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
def test_any_jets(multiplicity: list[int], seed: int, cut: float) -> None:
    half = len(multiplicity) // 2
    jets = make_jets(multiplicity, [half, 0, len(multiplicity) - half], seed)
    assert_same(jets)
    assert_same(jets[jets.pt > cut])


def test_jet_fields_and_missing_values() -> None:
    packed, _ = pack(JETS, LEVEL)
    np.testing.assert_allclose(packed.values[:, 0], ak.flatten(JETS.pt), rtol=1e-6)
    tokens = packed.at(("constituents",))
    assert packed.missing.shape == (6, 0)
    assert tokens.missing.any()
    assert (tokens.values[tokens.missing[:, 0], 2] == 0).all()


def test_stored_order_is_kept_when_asked() -> None:
    level = jet_level((token_level("constituents", ("pt",), maximum=2, order="stored"),), ())
    packed, _ = pack(JETS, level)
    expected = ak.flatten(ak.flatten(JETS.constituents.pt[..., :2]))
    np.testing.assert_allclose(packed.at(("constituents",)).values[:, 0], expected, rtol=1e-6)


def test_no_list_stored_is_an_empty_set() -> None:
    jets = ak.flatten(JETS)
    jets["constituents"] = ak.mask(jets.constituents, [True, True, False, True, True, True])
    assert pack(jets, LEVEL)[0].members["constituents"].counts.tolist() == [3, 0, 0, 3, 1, 0]


def test_none_among_the_tokens_is_dropped() -> None:
    jets = ak.flatten(JETS)
    jets["constituents"] = ak.mask(jets.constituents, jets.constituents.pt > 0.5)
    expected = ak.sum(ak.fill_none(jets.constituents.pt > 0.5, value=False), axis=-1)
    lengths = pack(jets, LEVEL)[0].members["constituents"].counts
    assert lengths.tolist() == np.minimum(expected, 3).tolist()


def test_none_where_a_value_is_needed_becomes_nan() -> None:
    jets = ak.Array([{"pt": 1.0, "mass": None, "constituents": [{"pt": 1.0, "eta": None, "d0": None}]}])
    packed, _ = pack(jets, LEVEL)
    assert np.isnan(packed.values[0, 1])
    assert np.isnan(packed.at(("constituents",)).values[0, 1])
    assert packed.at(("constituents",)).missing[0, 0]


def test_uncorrected_momentum_is_a_field_of_its_own() -> None:
    jets = ak.flatten(JETS)
    np.testing.assert_array_equal(pack(jets, RAW)[0].values, pack(jets, LEVEL)[0].values)
    jets["rawFactor"] = jets.pt * 0
    with pytest.raises(InputError, match="uncorrected pt of a jet, but these jets have a rawFactor"):
        pack(jets, RAW)
    jets["uncorrected"] = ak.zip({"pt": jets.pt * 0.9, "mass": jets.mass * 0.8})
    packed, _ = pack(jets, RAW)
    np.testing.assert_allclose(packed.values[:, 0], jets.pt * 0.9, rtol=1e-6)
    np.testing.assert_allclose(packed.values[:, 1], jets.mass * 0.8, rtol=1e-6)
    assert {("uncorrected", "pt"), ("uncorrected", "mass")} < set(columns(jets, RAW))
    np.testing.assert_allclose(pack(jets, LEVEL)[0].values[:, 0], jets.pt, rtol=1e-6)
    assert set(columns(jets, LEVEL)) == {("pt",), ("mass",), *(("constituents", name) for name in ("pt", "eta", "d0"))}
    jets["pt_raw"] = jets.pt * 0.7
    np.testing.assert_allclose(pack(jets, RAW)[0].values[:, 0], jets.pt * 0.7, rtol=1e-6)


def test_uncorrected_records_that_are_none_are_not_finite() -> None:
    jets = ak.flatten(JETS)
    jets["uncorrected"] = ak.mask(ak.zip({"pt": jets.pt, "mass": jets.mass}), [True, False, True, True, True, True])
    assert np.isnan(pack(jets, RAW)[0].values).all(axis=1).tolist() == [False, True, False, False, False, False]


def test_absent_fields_are_named() -> None:
    with pytest.raises(InputError, match=r"constituents of jets.*not opened with a schema.*or it does not.*pt, mass"):
        pack(JETS[["pt", "mass"]], LEVEL)
    with pytest.raises(InputError, match=r"jets\.mass.*the fields of jets are pt, constituents"):
        pack(JETS[["pt", "constituents"]], LEVEL)
    with pytest.raises(InputError, match=r"jets\.constituents\.charge"):
        pack(JETS, jet_level((token_level("constituents", ("pt", "charge")),), ()))
    jets = ak.with_field(JETS, ak.zip({"pt": JETS.pt}), "uncorrected")
    with pytest.raises(InputError, match=r"jets\.uncorrected\.mass"):
        pack(jets, RAW)


def test_members_that_are_no_lists_are_refused() -> None:
    jets = ak.flatten(JETS)
    wrong = ak.zip(
        {"pt": jets.pt, "constituents": ak.zip({"pt": jets.pt, "eta": jets.pt, "d0": jets.pt})}, depth_limit=1
    )
    with pytest.raises(InputError, match="constituents must be a list per parent"):
        pack(wrong, jet_level(LEVEL.members, ("pt",)))


def test_several_groups_of_members() -> None:
    jets = ak.flatten(JETS)
    jets["vertices"] = jets.constituents[:, ::-1][:, :2][["pt", "eta"]]
    vertices = token_level("vertices", ("eta", "pt"), order="stored", maximum=1)
    packed, _ = pack(jets, jet_level((*LEVEL.members, vertices), ()))
    assert as_lists(packed) == as_lists(pack(jets, LEVEL)[0])
    first = jets.vertices[:, :1]
    assert packed.members["vertices"].counts.tolist() == ak.num(first).to_list()
    np.testing.assert_allclose(packed.at(("vertices",)).values[:, 0], ak.flatten(first.eta), rtol=1e-6)
    np.testing.assert_array_equal(packed.n_tokens, packed.members["constituents"].counts + ak.to_numpy(ak.num(first)))
