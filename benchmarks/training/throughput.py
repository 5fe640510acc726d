"""Time training: the Particle Transformer against weaver-core, and the small default encoder.

Run with ``make benchmark-training``; writes ``results.md`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ours import rate, shards_of
from weaver_core import VERSION, weaver_trainer

JETS = Path(__file__).parents[3] / "shared" / "data" / "jets"
BATCH = 128
SMALL_BATCH = 390
ROUNDS = 2
STEPS = 3
SMALL_STEPS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=Path, default=JETS, help="ROOT files in JetClass layout")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = shards_of(arguments.jets, Path(scratch))
        weaver = weaver_trainer(data, np.random.default_rng(0).permutation(data.n_sets), BATCH)

        def by_weaver(cores: int, turn: int) -> float:
            torch.set_num_threads(cores)
            if turn == 0:
                weaver(1)
            started = time.perf_counter()
            return weaver(STEPS) / (time.perf_counter() - started)

        def ours(kind: str, precision: str, batch: int, steps: int) -> Callable[[int, int], float]:
            def measure(cores: int, turn: int) -> float:
                torch.set_num_threads(1)
                return rate(kind, precision, data.folder, batch, steps, cores, turn)

            return measure

        ways = {
            ("Particle Transformer", f"weaver-core {VERSION}", "fp32"): by_weaver,
            ("Particle Transformer", "coffea-fm", "fp32"): ours("particle-transformer", "fp32", BATCH, STEPS),
            ("Particle Transformer", "coffea-fm", "bf16"): ours("particle-transformer", "bf16", BATCH, STEPS),
            ("small set transformer", "coffea-fm", "fp32"): ours("set-transformer", "fp32", SMALL_BATCH, SMALL_STEPS),
            ("small set transformer", "coffea-fm", "bf16"): ours("set-transformer", "bf16", SMALL_BATCH, SMALL_STEPS),
        }
        tables = [table(measure(ways, cores), cores) for cores in arguments.cores]
    text = "\n".join([introduction(), *tables])
    arguments.output.write_text(text)
    print(text)


def measure(
    ways: dict[tuple[str, str, str], Callable[[int, int], float]], cores: int
) -> dict[tuple[str, str, str], float]:
    """Median jets per second; the ways take turns."""
    rates: dict[tuple[str, str, str], list[float]] = {key: [] for key in ways}
    for turn in range(ROUNDS):
        for key, way in ways.items():
            rates[key].append(way(cores, turn))
    return {key: statistics.median(values) for key, values in rates.items()}


def introduction() -> str:
    """What was measured, where."""
    return f"""`make benchmark-training`: medians of {ROUNDS} turns on {processor()}, torch {torch.__version__}.

The Particle Transformer: {BATCH} jets a step, a step of forward, backward, clipping and optimizer. weaver-core by its
own `train_classification`, optimizer and trimming, from tensors padded to 128 before the clock starts, with as many
threads as cores; coffea-fm by its own loop from packed jets, with features, padding and weight averaging on the clock,
in as many processes as cores (`coffea-fm pretrain --processes`). The small set transformer: steps of {SMALL_BATCH} jets,
after 25 that are not counted; later steps of a real training are up to a tenth faster, when all shapes have been met.
"""


def table(rates: dict[tuple[str, str, str], float], cores: int) -> str:
    """The rates as Markdown."""
    weaver = next(rate for (_, by, _), rate in rates.items() if by.startswith("weaver"))
    lines = [
        f"{cores} core{'s' if cores > 1 else ''}:",
        "",
        "| network | trained by | arithmetic | jets/s | to weaver-core |",
        "|---|---|---|---|---|",
    ]
    for (network, by, arithmetic), value in rates.items():
        ratio = f"{value / weaver:.2f}" if network == "Particle Transformer" else ""
        lines.append(f"| {network} | {by} | {arithmetic} | {value:.1f} | {ratio} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor, and how busy it was with other things."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2]} ({len(names)} cores, load {os.getloadavg()[0]:.1f})"


if __name__ == "__main__":
    main()
