"""Convert between awkward arrays and the model: typetracers to empty arrays, rows of output to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle.manifest import Output
from coffea_fm.errors import InputError
from coffea_fm.tokens import Level
from coffea_fm.tokens.jagged import Rewrap, Rows, flatten, offsets_of
from coffea_fm.tokens.pack import Chosen, columns, require


def is_dask(array: Any) -> bool:
    """Whether an array is a dask-awkward array. Does not import dask-awkward, which may not be installed."""
    return type(array).__module__.startswith("dask_awkward")


def is_typetracer(array: ak.Array) -> bool:
    """Whether an array has a form but no data."""
    return bool(ak.backend(array) == "typetracer")


def touch(things: ak.Array, level: Level) -> ak.Array:
    """Report the columns that a model reads to the tracer, and return an empty array of the same form."""
    require(things, level)
    for path in columns(things, level):
        ak.typetracer.touch_data(things[path])
    return ak.Array(things.layout.form.length_zero_array(highlevel=False))


def to_typetracer(array: ak.Array) -> ak.Array:
    """Return a typetracer of unknown length with the form of an array."""
    return ak.Array(array.layout.to_typetracer(forget_length=True), attrs=array.attrs)


def assemble(
    results: Mapping[str, FloatArray],
    outputs: list[Output],
    rewrap: Rewrap,
    *,
    record: bool,
    members: Chosen | None = None,
) -> ak.Array:
    """Arrange rows of outputs in the layout of the input things, or of their members.

    Parameters
    ----------
    results : dict of str to float32 array of shape [n, dim]
        One row per thing, or per packed member.
    outputs : list of Output
        The outputs to return, in order.
    rewrap : callable
        Puts a layout with one element per thing back under the lists and options of the input.
    record : bool
        Return a record of the outputs, even if there is only one.
    members : Chosen, optional
        From `coffea_fm.tokens.pack.chosen_members`: outputs of any level below the first belong to these.
    """
    contents = []
    for output in outputs:
        rows = results[output.name]
        if members is not None and output.level == members.level:
            contents.append(_member_lists(rows, output, members))
        else:
            contents.append(_content(rows, output))
    if record:
        return rewrap(ak.contents.RecordArray(contents, [output.name for output in outputs]))
    return rewrap(contents[0])


def flatten_vectors(array: ak.Array, dim: int) -> tuple[FloatArray, Rewrap]:
    """Flatten vectors to a float32 matrix [n, dim], and return the function that restores the lists and options.

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
    return vectors_of(rows.field("vector"), dim), rewrap


def vectors_of(rows: Rows, dim: int) -> FloatArray:
    """Convert rows of vectors to a float32 matrix [n, dim].

    Raises
    ------
    InputError
        If a vector is None, or does not have length `dim`.
    """
    rows, valid = rows.valid()
    if not valid.all():
        raise InputError("the embedding of some jets is None: pass what tagger.embed returned for these jets")
    vectors, lengths = rows.lists()
    if not (lengths == dim).all():
        raise InputError(
            f"expected vectors of {dim} numbers, the embedding of this bundle, found {rows.layout.form.type}"
        )
    return vectors.values()[0].astype(np.float32, copy=False).reshape(-1, dim)


def _member_lists(rows: FloatArray, output: Output, members: Chosen) -> Any:
    """Arrange rows of packed members as one list per thing, with all stored members; NaN for those not packed."""
    everywhere = np.full((int(members.stored.sum()), output.dim), np.nan, dtype=np.float32)
    everywhere[members.places] = rows
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets_of(members.stored)), _content(everywhere, output))


def _content(rows: FloatArray, output: Output) -> Any:
    if output.classes:
        columns = [ak.contents.NumpyArray(column) for column in np.ascontiguousarray(rows.T)]
        return ak.contents.RecordArray(columns, list(output.classes), length=len(rows))
    values = ak.contents.NumpyArray(np.ascontiguousarray(rows).reshape(-1))
    return ak.contents.RegularArray(values, output.dim, zeros_length=len(rows))
