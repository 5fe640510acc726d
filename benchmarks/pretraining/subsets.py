"""Some jets of a sample as shards of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from quantised import STORED

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.nn.batches import Columns
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.tokens import Packed


def subset(work: Path, part: str, jets: int) -> Path:
    """Shards of so many jets of a sample, drawn at random; those of more jets hold those of fewer."""
    folder = work / "shards" / f"{part}-{jets}"
    if not folder.exists():
        data = ShardDataset(work / "shards" / part)
        if data.n_sets < jets:
            raise InputError(f"{data.folder} has {data.n_sets:,} jets, and {jets:,} were asked for: make more of them")
        write_some(folder, data, np.random.default_rng(23).permutation(data.n_sets)[:jets])
    return folder


def write_some(folder: Path, data: ShardDataset, rows: IntArray, stored: Iterable[str] = STORED) -> None:
    """Write some jets of a data set as one shard."""
    packed, columns = data.read(data.row_groups)
    write_jets(folder, data, packed.take(rows), {name: columns[name][rows] for name in stored})


def write_jets(folder: Path, data: ShardDataset, packed: Packed, columns: Columns) -> None:
    """Write jets as one shard, with the level and classes of a data set."""
    source = Source(dataset=folder.name, file=folder.name, start=0, stop=len(packed))
    path = folder / source.shard_name
    write_shard(path, packed, data.level, columns=columns, classes=data.classes, source=source)
