"""Time padding by offsets against ``pad_none`` + ``concatenate``: 20,000 jets, 17 fields, 128 slots.

Run with ``make benchmark-tokens``; writes ``results.md`` beside this file.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.tokens import Field, Level, length_buckets, pack, pad

N_JETS, N_FIELDS, N_SLOTS, REPEATS = 20_000, 17, 128, 7
NAMES = ["pt", *(f"field{number}" for number in range(1, N_FIELDS))]
CONSTITUENTS = Level("constituents", tuple(Field(name, "1") for name in NAMES), order="pt", maximum=N_SLOTS)
LEVEL = Level("jet", members=(CONSTITUENTS,))


def make_jets() -> ak.Array:
    """Jets with as many constituents as JetClass jets have (median 38), sorted by pT."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.normal(39, 15, size=N_JETS), 1, 140).astype(np.int64)
    columns = {name: rng.random(lengths.sum(), dtype=np.float32) for name in NAMES}
    constituents = ak.unflatten(ak.zip(columns), lengths)
    constituents = constituents[ak.argsort(constituents.pt, ascending=False)]
    constituents = ak.to_packed(constituents)
    return ak.unflatten(ak.zip({"constituents": constituents}, depth_limit=1), np.full(N_JETS // 2, 2))


def pad_none_and_concatenate(jets: ak.Array) -> Any:
    """The usual way: one padded column a field, stacked along a new axis."""
    flat = ak.flatten(jets.constituents)
    columns = [
        ak.fill_none(ak.pad_none(flat[name], N_SLOTS, clip=True), np.float32(0))[:, :, np.newaxis] for name in NAMES
    ]
    return ak.to_numpy(ak.concatenate(columns, axis=-1))


def by_offsets(jets: ak.Array) -> Any:
    """The same cube from the packed form."""
    packed, _ = pack(jets, LEVEL)
    return pad(packed, LEVEL, multiple=N_SLOTS)["constituents"]


def in_buckets(jets: ak.Array) -> Any:
    """What the tagger does: small batches of similar length."""
    packed, _ = pack(jets, LEVEL)
    return [pad(packed.take(rows), LEVEL) for rows in length_buckets(packed.n_tokens, 1024)]


def seconds(function: Callable[[ak.Array], Any], jets: ak.Array) -> list[float]:
    """Wall time of each of the repeats, after one that is not counted."""
    function(jets)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(jets)
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Check that both ways agree, time all three, and write the table."""
    jets = make_jets()
    np.testing.assert_array_equal(by_offsets(jets), pad_none_and_concatenate(jets))
    ways = {
        "`pad_none` + `concatenate` to 128": pad_none_and_concatenate,
        "by offsets to 128 (same array)": by_offsets,
        "by offsets, in length buckets": in_buckets,
    }
    rows = {name: statistics.median(seconds(way, jets)) for name, way in ways.items()}
    slowest = rows["`pad_none` + `concatenate` to 128"]
    lines = [
        f"`make benchmark-tokens`: {N_JETS:,} jets x {N_FIELDS} fields x {N_SLOTS} slots, median of {REPEATS} runs.",
        "",
        "| way | seconds | ratio |",
        "|---|---|---|",
        *(f"| {name} | {time:.3f} | {slowest / time:.1f} |" for name, time in rows.items()),
        "",
    ]
    table = "\n".join(lines)
    Path(__file__).with_name("results.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
