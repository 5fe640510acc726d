"""Packed, labelled jets to a parquet file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.shards.metadata import KEY, ShardMetadata, Source
from coffea_fm.tokens import Collection, InputSpec, PackedSets
from coffea_fm.tokens.events import nested

ROW_GROUP = 2048


def write_shard(
    path: str | os.PathLike[str],
    packed: PackedSets,
    spec: InputSpec,
    *,
    columns: Mapping[str, npt.ArrayLike],
    classes: Sequence[str],
    source: Source,
    collection: Collection | None = None,
) -> None:
    """Write one shard; the file is complete or absent.

    Parameters
    ----------
    path : path-like
        Where to; an older file of that name is replaced.
    packed : PackedSets
        The jets, a row each; or the events, see `coffea_fm.tokens.events.nest`.
    spec : InputSpec
        Describes what is stored of each jet.
    columns : mapping of str to array of shape [n_rows]
        ``target`` (class index) and any number per row besides; ``weight`` is 1 where not given.
    classes : sequence of str
        Names of the classes that ``target`` counts.
    source : Source
        Where the jets come from.
    collection : Collection, optional
        The jets of each event, where a row is an event.

    Raises
    ------
    InputError
        If a column has another length, a target is not one of the classes, or a value is not finite.
    """
    scalars = {name: np.asarray(values) for name, values in columns.items()}
    scalars.setdefault("weight", np.ones(len(packed), dtype=np.float32))
    layout = spec if collection is None else nested(spec, collection)
    _check(path, packed, layout, scalars, len(classes))
    arrays: dict[str, pa.Array] = {}
    for group in layout.groups:
        tokens = packed.groups[group.name]
        offsets = pa.array(tokens.offsets.astype(np.int32))
        for index, field in enumerate(group.fields):
            missing = tokens.missing[:, group.missing_names.index(field.name)] if field.missing else None
            values = pa.array(np.ascontiguousarray(tokens.values[:, index]), mask=missing)
            arrays[f"{group.name}.{field.name}"] = pa.ListArray.from_arrays(offsets, values)
    for index, name in enumerate(layout.jet_names):
        arrays[f"jet.{name}"] = pa.array(np.ascontiguousarray(packed.jet[:, index]))
    for name, values in scalars.items():
        dtype = {"target": np.int32, "weight": np.float32}.get(name, values.dtype)
        arrays[name] = pa.array(values.astype(dtype))
    metadata = ShardMetadata.of(spec, tuple(classes), source, collection)
    table = pa.table(arrays).replace_schema_metadata({KEY: metadata.model_dump_json()})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=False)


def _check(
    path: str | os.PathLike[str],
    packed: PackedSets,
    spec: InputSpec,
    scalars: Mapping[str, npt.NDArray[Any]],
    n_classes: int,
) -> None:
    if "target" not in scalars:
        raise InputError(f"{path}: training needs the class of each jet or event, give columns={{'target': ...}}")
    for name, values in scalars.items():
        if name in spec.jet_names or "." in name:
            raise InputError(f"{path}: an extra column cannot be called {name!r}: choose another name")
        if values.shape != (len(packed),):
            raise InputError(f"{path}: column {name!r} has shape {values.shape} for {len(packed)} rows")
    target = scalars["target"]
    if len(target) and (target.min() < 0 or target.max() >= n_classes):
        raise InputError(
            f"{path}: targets run from {target.min()} to {target.max()} but there are {n_classes} classes: "
            "drop unmatched ones before writing"
        )
    contents = {"jet": packed.jet, **{name: tokens.values for name, tokens in packed.groups.items()}}
    for name, matrix in contents.items():
        if not np.isfinite(matrix).all():
            raise InputError(f"{path}: {name} have values that are not finite: drop those before writing")
