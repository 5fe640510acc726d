"""Time training: the Particle Transformer against weaver-core, and the small default encoder.

Run with ``make benchmark-training``, or ``python benchmarks/training/throughput.py --threads 2``;
writes ``results.md`` beside this file.
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
from ours import shards_of, trainer
from weaver_core import VERSION, weaver_trainer

JETS = Path(__file__).parents[3] / "shared" / "data" / "jets"
BATCH = 128
ROUNDS = 6
Trainer = Callable[[int], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=Path, default=JETS, help="ROOT files in JetClass layout")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        data = shards_of(arguments.jets, Path(scratch))
        order = np.random.default_rng(0).permutation(data.n_jets)
        weaver: Trainer = weaver_trainer(data, order, BATCH)
        trainers: dict[tuple[str, str, str], tuple[Trainer, int]] = {
            ("Particle Transformer", f"weaver-core {VERSION}", "fp32"): (weaver, 2),
            ("Particle Transformer", "coffea-fm", "fp32"): (
                trainer("particle-transformer", "fp32", data, order, BATCH),
                2,
            ),
            ("Particle Transformer", "coffea-fm", "bf16"): (
                trainer("particle-transformer", "bf16", data, order, BATCH),
                2,
            ),
            ("small set transformer", "coffea-fm", "fp32"): (trainer("set-transformer", "fp32", data, order, None), 8),
            ("small set transformer", "coffea-fm", "bf16"): (trainer("set-transformer", "bf16", data, order, None), 8),
        }
        rates = measure(trainers)
    text = table(rates, arguments.threads)
    arguments.output.write_text(text)
    print(text)


def measure(
    trainers: dict[tuple[str, str, str], tuple[Trainer, int]],
) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Median jets per second of wall and of processor time; the ways take turns, after a round that is not counted."""
    wall: dict[tuple[str, str, str], list[float]] = {key: [] for key in trainers}
    cpu: dict[tuple[str, str, str], list[float]] = {key: [] for key in trainers}
    for turn in range(ROUNDS + 1):
        for key, (train, steps) in trainers.items():
            started, used = time.perf_counter(), time.process_time()
            jets = train(steps)
            if turn:
                wall[key].append(jets / (time.perf_counter() - started))
                cpu[key].append(jets / (time.process_time() - used))
    return {key: (statistics.median(wall[key]), statistics.median(cpu[key])) for key in trainers}


def table(rates: dict[tuple[str, str, str], tuple[float, float]], threads: int) -> str:
    """The rates as Markdown."""
    weaver = next(rate for (_, by, _), rate in rates.items() if by.startswith("weaver"))
    command = f"`python benchmarks/training/throughput.py --threads {threads}`"
    lines = [
        f"{command}: medians of {ROUNDS} turns on {processor()}, torch {torch.__version__}.",
        "",
        f"The Particle Transformer: {BATCH} jets a step, a step of forward, backward, clipping and optimizer; weaver-core",
        "by its own `train_classification`, optimizer and trimming, from tensors padded to 128 before the clock starts;",
        "coffea-fm from packed jets, with features, padding and weight averaging on the clock. The small set transformer:",
        "steps of 16,384 tokens, about 390 jets.",
        "",
        "| network | trained by | arithmetic | jets/s | to weaver-core | jets per second of processor | to weaver-core |",
        "|---|---|---|---|---|---|---|",
    ]
    for (network, by, arithmetic), (wall, cpu) in rates.items():
        ratios = (
            [f"{wall / weaver[0]:.2f}", f"{cpu / weaver[1]:.2f}"] if network == "Particle Transformer" else ["", ""]
        )
        lines.append(f"| {network} | {by} | {arithmetic} | {wall:.1f} | {ratios[0]} | {cpu:.1f} | {ratios[1]} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor, and how busy it was with other things."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2]} ({len(names)} cores, load {os.getloadavg()[0]:.1f})"


if __name__ == "__main__":
    main()
