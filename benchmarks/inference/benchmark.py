"""Jets per second of one core: what people write today, the best recipe of a skilled user, ours, and the bound.

Run with ``make benchmark-inference``; writes ``results.md`` and ``results.csv`` beside this file. Time is the CPU time of
this single-threaded process. The ways take turns, and ratios are taken within a turn, since other work on the machine
slows all of them.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import os
import platform
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from exported import NETWORKS
from rows import Measured, Network, exported, measure, part, shipped

from coffea_fm.files import atomic

SHIPPED = ("jet-classifier-small", "jet-classifier-small-pairs")


def write(networks: Sequence[tuple[Network, list[Measured]]], rate: float, jets: int, folder: Path) -> str:
    """Write both tables, and give the text."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnxruntime", "coffea"))
    lines = [
        f"`make benchmark-inference` on one thread of {processor()}; {versions}; load {os.getloadavg()[0]:.1f}.",
        "",
        f"The same weights in every row of a network. {jets:,} jets of ten classes with their simulated lengths (fewer for",
        "the slow rows). Jets per second of CPU time from awkward to awkward, features included: the median of turns, and",
        "the ratio to (b2), the best recipe of a skilled user, with its lowest and highest in a turn. *Filled* is the share",
        "of the padded slots that hold a constituent; *memory* is what the process grows by at its peak.",
        f"(d) counts the multiplications and additions of real tokens at {rate / 1e9:.0f} GFLOP/s, the rate of onnxruntime's own",
        "matrix products in ParT's shapes in this run.",
    ]
    for network, rows in networks:
        lines += ["", f"## {network.name}", "", "| way | jets/s | to (b2) | filled | memory |", "|---|---|---|---|---|"]
        for row in rows:
            ratio = "1" if row.way.startswith("(b2)") else f"{row.ratio:.2f} ({row.lowest:.2f} to {row.highest:.2f})"
            filled = f"{row.filled:.0%}" if row.filled else ""
            memory = f"{row.memory:.0f} MiB" if row.memory else ""
            lines.append(f"| {row.way} | {row.rate:.0f} | {ratio} | {filled} | {memory} |")
        lines += ["", f"Largest difference of a score to (b2): {max(row.difference for row in rows):.1e}."]
        if network.name.startswith("ParT"):
            lines[-1] += " The graph of weaver computes m² of collinear pairs with rounding noise."
    text = "\n".join([*lines, ""])
    with atomic(folder / "results.md") as path:
        path.write_text(text)
    with atomic(folder / "results.csv") as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["network", *Measured.__dataclass_fields__])
        table.writerows([network.name, *vars(row).values()] for network, rows in networks for row in rows)
    return text


def processor() -> str:
    """Name of the processor."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=1_000)
    parser.add_argument("--slow-jets", type=int, default=64, help="jets for the rows that pad to 128")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        network, rate = part(Path(folder), options.jets, options.slow_jets)
        networks = [network, *(shipped(name, options.jets, options.slow_jets) for name in SHIPPED)]
        for name in NETWORKS:
            (Path(folder) / name).mkdir()
            networks.append(exported(name, Path(folder) / name, options.jets, options.slow_jets, rate))
        measured = [(network, measure(network, options.turns)) for network in networks]
    print(write(measured, rate, options.jets, options.output))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
