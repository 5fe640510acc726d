"""Between awkward and the model: typetracers become empty arrays of the same form, rows become records again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.bundle.manifest import Output
from coffea_fm.errors import InputError
from coffea_fm.tokens.events import Collection, jet_paths
from coffea_fm.tokens.jagged import IntArray, Rewrap, flatten, offsets_of
from coffea_fm.tokens.pack import columns, require
from coffea_fm.tokens.packed import FloatArray
from coffea_fm.tokens.spec import InputSpec


def is_dask(array: Any) -> bool:
    """Whether an array is dask-awkward's, which need not be installed to ask."""
    return type(array).__module__.startswith("dask_awkward")


def is_typetracer(array: ak.Array) -> bool:
    """Whether an array has a form and no data."""
    return bool(ak.backend(array) == "typetracer")


def touch(jets: ak.Array, spec: InputSpec, collection: Collection | None = None) -> ak.Array:
    """Report the columns that a model reads to the tracer, and give an empty array of the same form."""
    require(jets, spec)
    for path in columns(jets, spec) if collection is None else jet_paths(jets, spec, collection):
        ak.typetracer.touch_data(jets[path])
    return ak.Array(jets.layout.form.length_zero_array(highlevel=False))


def to_typetracer(array: ak.Array) -> ak.Array:
    """A typetracer of unknown length with the form of an array."""
    return ak.Array(array.layout.to_typetracer(forget_length=True), attrs=array.attrs)


def assemble(
    results: Mapping[str, FloatArray],
    outputs: list[Output],
    rewrap: Rewrap,
    *,
    record: bool,
    places: tuple[IntArray, IntArray] | None = None,
) -> ak.Array:
    """Rows of the outputs, in the layout of the jets, or of their tokens.

    Parameters
    ----------
    results : dict of str to float32 array of shape [n_sets, dim] or [n_tokens, dim]
        One row a jet, or a packed token.
    outputs : list of Output
        Which, in order.
    rewrap : callable
        Puts a layout of one element a jet back under the lists and options of the jets.
    record : bool
        Give a record of the outputs, and not the single output bare.
    places : tuple of int64 arrays, optional
        From `coffea_fm.tokens.pack.token_places`, where an output is one of tokens.
    """
    contents = []
    for output in outputs:
        rows = results[output.name]
        if places is None or output.level != "token":
            contents.append(_content(rows, output))
        else:
            contents.append(_token_lists(rows, output, *places))
    if record:
        return rewrap(ak.contents.RecordArray(contents, [output.name for output in outputs]))
    return rewrap(contents[0])


def flatten_vectors(array: ak.Array, dim: int) -> tuple[FloatArray, Rewrap]:
    """Vectors as a matrix float32 [n, dim], and what puts rows back under their lists and options.

    Raises
    ------
    InputError
        If the innermost lists are not all of length `dim`.
    """

    def as_record(layout: Any, **_: Any) -> Any:
        if layout.is_list and layout.content.is_numpy:
            return ak.contents.RecordArray([layout], ["vector"], length=len(layout))
        return None

    rows, rewrap = flatten(ak.transform(as_record, array, numpy_to_regular=True, highlevel=True))
    vectors, lengths = rows.field("vector").lists()
    if not (lengths == dim).all():
        raise InputError(f"expected vectors of {dim} numbers, the embedding of this bundle, found {array.type}")
    return vectors.values()[0].astype(np.float32, copy=False).reshape(-1, dim), rewrap


def _token_lists(rows: FloatArray, output: Output, places: IntArray, lengths: IntArray) -> Any:
    """Rows of packed tokens as a list a jet, of all tokens that it holds; NaN for those that are not packed."""
    everywhere = np.full((int(lengths.sum()), output.dim), np.nan, dtype=np.float32)
    everywhere[places] = rows
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets_of(lengths)), _content(everywhere, output))


def _content(rows: FloatArray, output: Output) -> Any:
    if output.classes:
        columns = [ak.contents.NumpyArray(column) for column in np.ascontiguousarray(rows.T)]
        return ak.contents.RecordArray(columns, list(output.classes), length=len(rows))
    values = ak.contents.NumpyArray(np.ascontiguousarray(rows).reshape(-1))
    return ak.contents.RegularArray(values, output.dim, zeros_length=len(rows))
