"""Write packed, labelled examples to a parquet file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.shards.columns import to_columns
from coffea_fm.shards.metadata import KEY, ShardMetadata, Source
from coffea_fm.timing import WRITING, stage
from coffea_fm.tokens import Level, Packed

ROW_GROUP = 2048
_LOG = logging.getLogger(__name__)


def write_shard(
    path: str | os.PathLike[str],
    packed: Packed,
    level: Level,
    *,
    columns: Mapping[str, npt.ArrayLike],
    classes: Sequence[str],
    source: Source,
) -> None:
    """Write one shard; the file is complete or absent.

    Parameters
    ----------
    path : path-like
        Output file; an older file with this name is replaced.
    packed : Packed
        Jets or events, one per row.
    level : Level
        Describes `packed`.
    columns : mapping of str to array of shape [n_rows]
        ``target`` (class index), and any further numbers per row; ``weight`` is 1 if it is missing.
    classes : sequence of str
        Names of the classes that ``target`` indexes.
    source : Source
        Where the rows come from.

    Raises
    ------
    InputError
        If a column has the wrong length, a target is not a class index, or a value is not finite.
    """
    scalars = {name: np.asarray(values) for name, values in columns.items()}
    scalars.setdefault("weight", np.ones(len(packed), dtype=np.float32))
    _check(path, packed, level, scalars, len(classes))
    arrays = to_columns(packed, level)
    for name, values in scalars.items():
        dtype = {"target": np.int32, "weight": np.float32}.get(name, values.dtype)
        arrays[name] = pa.array(values.astype(dtype))
    metadata = ShardMetadata(level=level, classes=tuple(classes), source=source)
    table = pa.table(arrays).replace_schema_metadata({KEY: metadata.model_dump_json()})
    with stage(WRITING), atomic(path) as temporary:
        pq.write_table(table, temporary, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=False)
    _LOG.info("wrote %d %ss to %s", len(packed), level.name, path)


def _check(
    path: str | os.PathLike[str],
    packed: Packed,
    level: Level,
    scalars: Mapping[str, npt.NDArray[Any]],
    n_classes: int,
) -> None:
    if "target" not in scalars:
        raise InputError(f"{path}: training needs the class of each {level.name}: pass columns={{'target': ...}}")
    for name, values in scalars.items():
        if name in level.names or "." in name:
            raise InputError(f"{path}: an extra column cannot be called {name!r}: choose another name")
        if values.shape != (len(packed),):
            raise InputError(f"{path}: column {name!r} has shape {values.shape} for {len(packed)} rows")
    target = scalars["target"]
    if len(target) and (target.min() < 0 or target.max() >= n_classes):
        raise InputError(
            f"{path}: targets run from {target.min()} to {target.max()} but there are {n_classes} classes: "
            "drop rows without a class before writing"
        )
    for name, matrix in _matrices(packed, level):
        if not np.isfinite(matrix).all():
            raise InputError(f"{path}: fields of {name} are not finite in some rows: drop these rows before writing")


def _matrices(packed: Packed, level: Level) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    yield level.name, packed.values
    for member in level.members:
        yield from _matrices(packed.members[member.name].things, member)
