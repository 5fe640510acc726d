"""Folders of shards of events whose class a small network can tell from the jets: signal has wide ones only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from random_jets import FIELDS, random_jets

from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level

JETS = jet_level(
    (token_level("constituents", FIELDS, minimum=1),),
    ("pt_raw", "eta", "phi", "mass_raw", "pt", "mass", "msoftdrop"),
    name="FatJet",
    order="pt",
    minimum=2,
    maximum=4,
)
EVENTS = Level("event", (), (JETS,))
CLASSES = ("background", "signal")


def random_events(n_events: int, seed: int = 0) -> tuple[Packed, np.ndarray]:
    """Events of 2 to 4 jets and their classes: the jets of signal are wide, and one of each background event is not."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, n_events)
    target = rng.integers(0, 2, n_events)
    of_jet = np.repeat(target, counts)
    narrow = np.zeros(len(of_jet), dtype=bool)
    narrow[np.cumsum(counts) - 1] = target == 0
    kinds = [random_jets(len(of_jet), seed + 1, wide=kind)[0] for kind in (1, 0)]
    order = np.arange(len(of_jet)) + len(of_jet) * narrow
    jets = Packed.concatenate(kinds).take(order)
    soft_drop = rng.uniform(10, 150, (len(of_jet), 1)).astype(np.float32)
    return events_of(jets, counts, jets.values[:, [0, 3]], soft_drop), target


def events_of(jets: Packed, counts: np.ndarray, *fields: np.ndarray) -> Packed:
    """Events with so many of these jets each, which get further fields."""
    things = Packed(np.hstack([jets.values, *fields]).astype(np.float32), jets.missing, jets.members)
    nothing = np.zeros((len(counts), 0), dtype=np.float32)
    return Packed(nothing, nothing.astype(bool), {"FatJet": Members(np.asarray(counts), things)})


def write_random_events(folder: Path, events_per_shard: tuple[int, ...], seed: int = 0, weight: float = 1.0) -> Path:
    """Shards with the columns ``event``, ``fold`` (its remainder by three), ``target`` and ``weight``."""
    first = 0
    for index, n_events in enumerate(events_per_shard):
        events, target = random_events(n_events, seed + index)
        number = np.arange(first, first + n_events, dtype=np.uint64)
        source = Source(dataset="mixed", file=f"file-{index}", start=0, stop=n_events)
        columns = {
            "target": target,
            "event": number,
            "fold": (number % 3).astype(np.int64),
            "weight": np.where(target == 1, weight, 1.0),
        }
        write_shard(folder / source.shard_name, events, EVENTS, columns=columns, classes=CLASSES, source=source)
        first += n_events
    return folder
