"""Memory of tagging: many jets in one chunk, and many chunks of varying sizes.

Run with ``make benchmark-memory``; writes ``results.md`` beside this file. Each part runs in a process of its own,
without torch, as on a worker.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np

import coffea_fm

SAMPLE = Path(__file__).parents[2] / "samples"
BUNDLE = "jet-classifier-small"
LIMIT_CHUNK, LIMIT_GROWTH = 1024.0, 50.0
"""In MiB: all of the process with the large chunk, and growth over the small chunks."""


def jets(n: int) -> ak.Array:
    """So many jets, in memory, from the shipped sample over and over."""
    from coffea.nanoevents import NanoEventsFactory

    from coffea_fm.schemas import PFNanoAODSchema

    tagger = coffea_fm.load(BUNDLE)
    parts = []
    for file in sorted(SAMPLE.glob("*.root")):
        factory = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode="eager")
        found = ak.flatten(factory.events().FatJet)
        (member,) = tagger.manifest.level.members
        constituents = {name: found.constituents[name] for name in member.names}
        fields = {name: found.uncorrected[name] for name in ("pt", "mass")} | {"eta": found.eta, "phi": found.phi}
        parts.append(ak.zip(fields | {"constituents": ak.zip(constituents)}, depth_limit=1))
    some = ak.to_packed(ak.values_astype(ak.concatenate(parts), np.float32))
    return ak.to_packed(some[np.arange(n) % len(some)])


def one_chunk(n: int) -> str:
    """Peak memory of the process that tags so many jets at once, jets included."""
    given = jets(n)
    held = _resident()
    coffea_fm.load(BUNDLE, threads=1)(given)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stored = given.nbytes / 2**20
    return (
        f"| {n:,} jets in one chunk ({stored:.0f} MiB of arrays; {held:.0f} MiB before tagging) | {peak:.0f} MiB in all "
        f"| {LIMIT_CHUNK:.0f} MiB |"
    )


def many_chunks(n: int, largest: int) -> str:
    """Growth of the process over so many chunks of varying sizes."""
    tagger, rng = coffea_fm.load(BUNDLE, threads=1), np.random.default_rng(0)
    stock = jets(2 * largest)
    tagger(stock)
    before = _resident()
    for size in rng.integers(1, largest, n):
        start = rng.integers(0, len(stock) - size)
        tagger(stock[start : start + size])
    growth = _resident() - before
    return f"| {n} chunks of 1 to {largest} jets, after a first one of {2 * largest} | {growth:+.0f} MiB | {LIMIT_GROWTH:.0f} MiB |"


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Measure both, each in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=200_000)
    parser.add_argument("--chunks", type=int, default=500)
    parser.add_argument("--largest", type=int, default=200)
    parser.add_argument("--part", choices=["chunk", "chunks"], help="only this, in this process")
    options = parser.parse_args()
    if options.part:
        line = one_chunk(options.jets) if options.part == "chunk" else many_chunks(options.chunks, options.largest)
        print(line)
        return
    numbers = ["--jets", str(options.jets), "--chunks", str(options.chunks), "--largest", str(options.largest)]
    commands = [[sys.executable, "-W", "ignore", __file__, "--part", part, *numbers] for part in ("chunk", "chunks")]
    lines = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in commands]
    head = f"`make benchmark-memory`: {BUNDLE}, one thread, load {os.getloadavg()[0]:.1f}.\n\n| what | memory | limit |\n|---|---|---|\n"
    text = head + "".join(lines)
    Path(__file__).with_name("results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
