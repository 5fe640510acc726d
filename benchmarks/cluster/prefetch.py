"""What a thread gains that reads the columns of the next chunk while this one is tagged."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
from coffea.nanoevents import NanoEventsFactory
from cost import BUNDLE
from data import enlarged

import coffea_fm
from coffea_fm.schemas import PFNanoAODSchema

_CHUNKS = 4


def prefetch(folder: Path, events: int, repeats: int) -> str:
    """Chunks one after the other, with and without; files in the page cache, and with a waiting time as of a server."""
    (path,) = enlarged(folder, 1, events * _CHUNKS)
    tagger = coffea_fm.load(BUNDLE, threads=1)
    tagger(_read(path, events, 0, 0.0))
    rows = [
        "| waiting for the server, per chunk | reading | tagging | one after the other | with a thread that reads ahead |",
        "|---|---|---|---|---|",
    ]
    for waiting in (0.0, 0.5):
        found = [_measure(path, events, waiting, tagger) for _ in range(repeats)]
        reading, tagging, plain, ahead = (min(values) for values in zip(*found, strict=True))
        rows.append(
            f"| {waiting} s | {reading:.2f} s | {tagging:.2f} s | {plain:.2f} s | {ahead:.2f} s ({plain / ahead:.2f} times as fast) |"
        )
    return "\n".join(rows)


def _measure(path: Path, events: int, waiting: float, tagger: Any) -> tuple[float, float, float, float]:
    start = time.perf_counter()
    reading = tagging = 0.0
    for number in range(_CHUNKS):
        begin = time.perf_counter()
        jets = _read(path, events, number, waiting)
        middle = time.perf_counter()
        tagger(jets)
        reading, tagging = reading + middle - begin, tagging + time.perf_counter() - middle
    plain = time.perf_counter() - start
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(_read, path, events, 0, waiting)
        for number in range(_CHUNKS):
            jets = ahead.result()
            if number + 1 < _CHUNKS:
                ahead = pool.submit(_read, path, events, number + 1, waiting)
            tagger(jets)
    return reading, tagging, plain, time.perf_counter() - start


def _read(path: Path, size: int, number: int, waiting: float) -> ak.Array:
    """The jets of a chunk with all columns that are tagged in memory."""
    time.sleep(waiting)
    where = {"entry_start": number * size, "entry_stop": (number + 1) * size}
    found = NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=PFNanoAODSchema, **where).events()
    jets = found.FatJet
    ak.materialize(jets.constituents)
    ak.materialize(jets)
    return jets
