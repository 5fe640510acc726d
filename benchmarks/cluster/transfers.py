"""Bytes that a chunk moves through the scheduler and between workers: its task, the processor, its result."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import cloudpickle
import lz4.frame
from cost import BUNDLE
from data import enlarged

import coffea_fm
from coffea_fm.running.execute import execute
from coffea_fm.running.executors import make_executor
from coffea_fm.running.fileset import Fileset
from coffea_fm.running.headers import read_headers
from coffea_fm.running.merging import Merging
from coffea_fm.running.processors import load_processor
from coffea_fm.running.sources import read_fileset
from coffea_fm.schemas import PFNanoAODSchema

_MERGED = 20


def transfers(folder: Path, events: int) -> tuple[str, dict[str, float]]:
    """The table, and what the calculation needs of it."""
    paths = enlarged(folder, 2, events)
    fileset: Fileset = read_fileset(list(map(str, paths)))
    headers, _ = read_headers(fileset, make_executor(), "root")
    item = headers[0].chunks(fileset[headers[0].file.dataset], events // 4)[0]
    processor: Any = load_processor("tag_jets", {"bundle": BUNDLE})
    by_path = _compressed(cloudpickle.dumps(processor))
    processor.tagger = coffea_fm.load(BUNDLE, ship="bytes")
    by_bytes = _compressed(cloudpickle.dumps(processor))
    result = execute(
        load_processor("tag_jets", {"bundle": BUNDLE}),
        {k: fileset[k] for k in list(fileset)[:1]},
        PFNanoAODSchema,
        make_executor(),
        chunksize=events,
        quiet=True,
    )
    pickled = cloudpickle.dumps(Merging(result.output))
    output, start = _compressed(pickled), time.process_time()
    total = Merging(result.output)
    for _ in range(_MERGED):
        total += cloudpickle.loads(pickled)
    merge = (time.process_time() - start) / _MERGED
    chunk = len(pickle.dumps(item))
    rows = [
        "| | bytes | moves |",
        "|---|---|---|",
        f"| a chunk: file, entries, metadata of its dataset | {chunk:,} | once a chunk, through the scheduler |",
        f"| the processor, its bundle by path or name | {by_path:,} | once a worker |",
        f'| the processor with `ship="bytes"` | {by_bytes:,} | once a worker |',
        f"| the result of a chunk (histograms, counts), compressed | {output:,} | between workers, and to the client after merging |",
    ]
    return "\n".join(rows), {"item": chunk, "processor": by_path, "bytes": by_bytes, "result": output, "merge": merge}


def _compressed(data: bytes) -> int:
    return len(lz4.frame.compress(data, compression_level=1))
