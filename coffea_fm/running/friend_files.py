"""Join the parts of a run to friend files, as ROOT and as parquet: one an input file, aligned with all of its entries."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from coffea_fm.errors import InputError
from coffea_fm.files import atomic
from coffea_fm.inference.friends.metadata import KEY, TREE, FriendMetadata, FriendModel, FriendSource, friend_path
from coffea_fm.running.friends import COUNTS, Friends
from coffea_fm.running.processed_files import ProcessedFile, missing, united


@dataclass(frozen=True)
class Written:
    """What became of the friends.

    Parameters
    ----------
    paths : list of str
        Files that were written.
    refused : dict of str to str
        Why an input file has no friend, by its path.
    counts : dict of str to dict
        What the taggers counted in all files, by collection and bundle.
    """

    paths: list[str]
    refused: dict[str, str]
    counts: dict[str, dict[str, int]]


def join_friends(friends: Friends, files: Iterable[ProcessedFile]) -> Written:
    """Write the friends of all files.

    A file of which some entries were not processed gets none: rows for them would be made up, and a friend that is
    shorter would be read beside other events.

    Parameters
    ----------
    friends : Friends
        Whose parts the workers wrote.
    files : iterable of ProcessedFile
        What was processed.
    """
    whole = _whole(files)
    names = Counter((file.dataset, PurePosixPath(file.file).stem) for file in whole)
    written = Written([], {}, {})
    for file in whole:
        unique = names[file.dataset, PurePosixPath(file.file).stem] == 1
        base = friend_path(friends.folder, file.dataset, file.file, unique=unique)
        targets = [base.with_name(base.name + suffix) for suffix in (".root", ".parquet")]
        try:
            counts = _join(friends, file, targets)
        except InputError as error:
            written.refused[file.file] = str(error)
            for target in targets:
                target.unlink(missing_ok=True)  # one of an earlier run would be taken for this run's
            continue
        written.paths.extend(map(str, targets))
        _add(written.counts, counts)
    if not friends.keeps_parts:
        shutil.rmtree(friends.parts, ignore_errors=True)
    return written


def _whole(files: Iterable[ProcessedFile]) -> list[ProcessedFile]:
    """One entry a file: two datasets may share the entries of one, and the first of them names its friend."""
    listed = list(files)
    first = {file.file: file.dataset for file in reversed(listed)}
    return united(replace(file, dataset=first[file.file]) for file in listed)


def _join(friends: Friends, file: ProcessedFile, targets: Sequence[Path]) -> dict[str, dict[str, int]]:
    if absent := missing(file):
        ranges = ", ".join(f"{start} to {stop}" for start, stop in absent)
        raise InputError(f"no friend of {file.file}: its entries {ranges} were not processed")
    parts = [friends.part(file.file, file.treename, *chunk) for chunk in file.ranges]
    for part, (start, stop) in zip(parts, file.ranges, strict=True):
        if not part.exists():
            raise InputError(
                f"no friend of {file.file}: the part of its entries {start} to {stop} is not in {part.parent}; workers "
                "must see that folder, and checkpoints need the parts that were written with them"
            )
    counts: dict[str, dict[str, int]] = {}
    for part in parts:
        _add(counts, json.loads((pq.read_schema(part).metadata or {})[COUNTS]))
    source = FriendSource(
        dataset=file.dataset, file=file.file, treename=file.treename, uuid=file.uuid, entries=file.entries
    )
    metadata = FriendMetadata(source=source, models=friends.models, counts=counts)
    tables = [pq.ParquetFile(part) for part in parts]
    with atomic(targets[0]) as root, atomic(targets[1]) as parquet:
        _write(root, parquet, (table.read() for table in tables), metadata)
    return counts


def _write(root: Path, parquet: Path, parts: Iterator[pa.Table], metadata: FriendMetadata) -> None:
    """Both files in one pass over the parts."""
    empty = _empty(metadata.models)
    text = metadata.model_dump_json()
    schema = pa.schema(ak.to_arrow_table(empty, extensionarray=False, list_to32=True).schema, {KEY: text})
    with uproot.recreate(root) as file, pq.ParquetWriter(parquet, schema, compression="zstd") as writer:
        file[KEY] = text
        tree = file.mktree(
            TREE, {name: array.type.content for name, array in _branches(empty, metadata.models).items()}
        )
        for table in parts:
            writer.write_table(table.cast(schema))
            tree.extend(_branches(ak.from_arrow(table), metadata.models))


def _empty(models: Iterable[FriendModel]) -> ak.Array:
    """No entries, in the types of the columns."""
    columns = {column.name: column.dim for model in models for column in model.columns}
    arrays = {}
    for name, dim in columns.items():
        numbers: Any = np.zeros(0 if dim is None else (0, dim), dtype=np.float32)
        arrays[name] = ak.unflatten(ak.from_numpy(numbers, regulararray=True), np.zeros(0, dtype=np.int64))
    return ak.zip(arrays, depth_limit=1)


def _branches(arrays: ak.Array, models: Iterable[FriendModel]) -> dict[str, ak.Array]:
    """As a tree takes it: a record a collection, which share one counter, and a branch for each component of a vector."""
    collections: dict[str, dict[str, ak.Array]] = defaultdict(dict)
    for model in models:
        prefix = f"{model.prefix}_"
        for column in model.columns:
            values = arrays[column.name]
            parts = [values] if column.dim is None else [values[:, :, index] for index in range(column.dim)]
            collections[model.prefix] |= {
                name.removeprefix(prefix): ak.to_packed(part) for name, part in zip(column.branches, parts, strict=True)
            }
    return {prefix: ak.zip(fields) for prefix, fields in collections.items()}


def _add(total: dict[str, dict[str, int]], counts: dict[str, dict[str, int]]) -> None:
    for name, of_model in counts.items():
        summed = Counter(total.get(name, {}))
        summed.update(of_model)
        total[name] = dict(summed)
