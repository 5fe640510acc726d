"""Time training: the Particle Transformer against weaver-core, the small supervised encoder, and masked pretraining.

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
from ours import PART, rate, recipe_of, shards_of
from weaver_core import VERSION, weaver_trainer

from coffea_fm.shards import ShardDataset

JETS = Path(__file__).parents[3] / "shared" / "data" / "jets"
BATCH = 128
ROUNDS = 2
STEPS = 3
OURS = {"Particle Transformer": PART["name"], "small set transformer": "jet-classifier-small", "masked": "mpm-v2"}
Way = Callable[[int, int], float]
Key = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=Path, default=JETS, help="ROOT files in JetClass layout")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--compiled", action="store_true", help="also weaver-core with torch.compile, which needs g++")
    parser.add_argument("--only", nargs="*", choices=OURS, default=list(OURS), help="networks to train")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = shards_of(arguments.jets, Path(scratch))
        ways: dict[Key, Way] = {}
        if "Particle Transformer" in arguments.only:
            ways |= by_weaver(data, compiled=arguments.compiled)
        for network in arguments.only:
            for precision in ("fp32", "bf16"):
                ways[network, "coffea-fm", precision] = by_us(OURS[network], precision, data.folder)
        tables = [table(measure(ways, cores), cores) for cores in arguments.cores]
    text = "\n".join([introduction(), *tables])
    arguments.output.write_text(text)
    print(text)


def by_weaver(data: ShardDataset, *, compiled: bool) -> dict[Key, Way]:
    """The Particle Transformer by weaver-core, in all arithmetics that a CPU has."""
    order = np.random.default_rng(0).permutation(data.n_sets)
    kinds = [(precision, made) for made in ([False, True] if compiled else [False]) for precision in ("fp32", "bf16")]

    def way(precision: str, compiled: bool) -> Way:
        trainer = weaver_trainer(data, order, BATCH, precision=precision, compiled=compiled)

        def measured(cores: int, turn: int) -> float:
            torch.set_num_threads(cores)
            if turn == 0:
                trainer(1)
            started = time.perf_counter()
            return trainer(STEPS) / (time.perf_counter() - started)

        return measured

    return {
        ("Particle Transformer", f"weaver-core {VERSION}", precision + (", compiled" if made else "")): way(
            precision, made
        )
        for precision, made in kinds
    }


def by_us(name: str, precision: str, folder: Path) -> Way:
    """One of our recipes; the Particle Transformer in the steps of weaver-core."""

    def measured(cores: int, turn: int) -> float:
        torch.set_num_threads(1)
        recipe = recipe_of(name, precision, folder)
        if name == PART["name"]:
            return rate(recipe, cores, turn, batch=BATCH, jets=STEPS * BATCH)
        return rate(recipe, cores, turn)

    return measured


def measure(ways: dict[Key, Way], cores: int) -> dict[Key, float]:
    """Median jets per second; the ways take turns."""
    rates: dict[Key, list[float]] = {key: [] for key in ways}
    for turn in range(ROUNDS):
        for key, way in ways.items():
            rates[key].append(way(cores, turn))
    return {key: statistics.median(values) for key, values in rates.items()}


def introduction() -> str:
    """What was measured, where."""
    return f"""`make benchmark-training`: medians of {ROUNDS} turns on {processor()}, torch {torch.__version__}.

The Particle Transformer: {BATCH} jets a step, a step of forward, backward, clipping and optimizer. weaver-core by its
own `train_classification`, optimizer and trimming, from tensors padded to 128 before the clock starts, with as many
threads as cores; in bf16 by an autocast around its network; compiled by `torch.compile` with lengths of any size.
coffea-fm by its own loop from packed jets, with features, padding and weight averaging on the clock, in as many
processes as cores (`coffea-fm pretrain --processes`). The small set transformer and the masked pretraining: the recipes
`jet-classifier-small` and `mpm-v2` as they are, after 10,000 jets that are not counted.
"""


def table(rates: dict[Key, float], cores: int) -> str:
    """The rates as Markdown."""
    weaver = max((rate for (_, by, _), rate in rates.items() if by.startswith("weaver")), default=0.0)
    lines = [
        f"{cores} core{'s' if cores > 1 else ''}:",
        "",
        "| network | trained by | arithmetic | jets/s | to the fastest weaver-core |",
        "|---|---|---|---|---|",
    ]
    for (network, by, arithmetic), value in rates.items():
        ratio = f"{value / weaver:.2f}" if network == "Particle Transformer" and weaver else ""
        lines.append(f"| {network} | {by} | {arithmetic} | {value:.1f} | {ratio} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor, and how busy it was with other things."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2]} ({len(names)} cores, load {os.getloadavg()[0]:.1f})"


if __name__ == "__main__":
    main()
