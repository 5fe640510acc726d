from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.tokens import Level, columns, pack
from coffea_fm.tokens.fields import component, stored_fields
from coffea_fm.tokens.pack import absent

LEVEL = Level("jet", stored_fields(["score", "vector[3]"]))
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


def jets(vectors: ak.Array) -> ak.Array:
    return ak.unflatten(ak.zip({"score": np.arange(4.0), "vector": vectors}, depth_limit=1), [1, 0, 3])


@pytest.mark.parametrize(
    "vectors",
    [
        ak.from_numpy(VECTORS),
        ak.from_numpy(VECTORS, regulararray=True),
        ak.from_iter(VECTORS.tolist()),
        ak.mask(ak.from_numpy(VECTORS, regulararray=True), [True] * 4),
    ],
    ids=["numpy", "regular", "lists", "option"],
)
def test_vectors_are_columns_one_after_the_other(vectors: ak.Array) -> None:
    made = jets(vectors)
    packed, _ = pack(made[:, ::-1], LEVEL)
    order = [0, 3, 2, 1]
    np.testing.assert_array_equal(packed.values, np.column_stack([np.arange(4.0), VECTORS])[order])
    assert columns(made, LEVEL) == [("score",), ("vector",)]


def test_a_vector_that_is_none_is_not_a_number() -> None:
    packed, _ = pack(jets(ak.mask(ak.from_numpy(VECTORS, regulararray=True), [True, False, True, True])), LEVEL)
    assert np.isnan(packed.values[:, 1:]).all(axis=1).tolist() == [False, True, False, False]


def test_what_is_no_vector_of_this_length() -> None:
    with pytest.raises(InputError, match="vector must be a vector of 3 numbers, and one has 2"):
        pack(jets(ak.from_iter([[1.0, 2.0, 3.0]] * 3 + [[1.0, 2.0]])), LEVEL)
    with pytest.raises(InputError, match="vector must be a vector of 3 numbers, not"):
        pack(jets(ak.Array([1.0] * 4)), LEVEL)
    assert absent(jets(ak.from_numpy(VECTORS))[["score"]], LEVEL) == ["vector"]
    with pytest.raises(InputError, match=r"jets\.vector, but it is missing"):
        pack(jets(ak.from_numpy(VECTORS))[["score"]], LEVEL)


def test_names_of_stored_columns() -> None:
    assert [field.name for field in stored_fields(["a", "b[2]"])] == ["a", "b[0]", "b[1]"]
    assert component("b[1]") == ("b", 1)
    assert component("b") == ("b", None)
    for names in (["pt"], ["a", "a"], ["b[0]"]):
        with pytest.raises(RecipeError, match="cannot be a stored column"):
            stored_fields(names)
