"""Larger steps are faster, but are fewer of them as good? Quality at equal seen jets, by step size and learning rate.

For one recipe: trains each combination on the same jets in the same order, and writes the validation loss and, for a
recipe without labels, the accuracy of a linear probe on the embedding, to ``step_sizes.md`` beside this file::

    OMP_NUM_THREADS=1 python benchmarks/training/step_sizes.py --train data/jets/train --validation data/jets/validation
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from coffea_fm.evaluation.probes import linear_probe
from coffea_fm.training import pretrain
from coffea_fm.training.data.embeddings import embeddings_of
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

MODELS = Path(__file__).parents[2] / "models"
STEPS = {4096: (2e-3,), 8192: (2e-3, 3e-3), 16384: (2e-3, 3e-3, 4e-3, 6e-3)}
PROBE_LABELS = 10_000
Floats = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="mpm-v2", help="a recipe below models/")
    parser.add_argument("--train", type=Path, required=True, help="shards")
    parser.add_argument("--validation", type=Path, required=True, help="shards")
    parser.add_argument("--seen", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="combinations such as 8192:0.002; all by default")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("step_sizes.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [(int(tokens), float(lr)) for tokens, lr in (text.split(":") for text in arguments.only)]
    combinations = chosen or [(tokens, lr) for tokens, rates in STEPS.items() for lr in rates]
    lines = [introduction(arguments)]
    arguments.output.write_text(lines[0])
    for tokens, lr in combinations:
        rows = [trained(recipe_of(arguments, tokens, lr, seed)) for seed in range(arguments.seeds)]
        means, spreads = np.mean(rows, axis=0), np.std(rows, axis=0)
        cells = [f"{mean:.4f} ± {spread:.4f}" for mean, spread in zip(means[:2], spreads[:2], strict=True)]
        lines.append(f"| {tokens} | {lr:g} | {' | '.join(cells)} | {means[2]:.1f} | {means[3]:.0f} |")
        arguments.output.write_text("\n".join(lines) + "\n")
        print(lines[-1], flush=True)


def introduction(arguments: argparse.Namespace) -> str:
    """What was trained, and the head of the table."""
    only = f" --only {' '.join(arguments.only)}" if arguments.only else ""
    command = f"--recipe {arguments.recipe} --seen {arguments.seen} --seeds {arguments.seeds}{only}"
    return f"""`step_sizes.py {command}`: {arguments.recipe}, {arguments.seen} jets seen by each run; mean and spread over
{arguments.seeds} seeds of training. The probe is linear, on {PROBE_LABELS} labels, judged on the validation jets.

| tokens per step | lr | validation loss | accuracy of the probe | embedding rank | jets/s of CPU time |
|---|---|---|---|---|---|"""


def recipe_of(arguments: argparse.Namespace, tokens: int, lr: float, seed: int) -> Recipe:
    """The recipe with another step, validated once, at the end."""
    recipe = load_recipe(MODELS / arguments.recipe / "recipe.yaml").model_dump(mode="json")
    changed = {"seen": arguments.seen, "batch_tokens": tokens, "lr": lr, "seed": seed, "validate_every": arguments.seen}
    return Recipe.model_validate(
        recipe
        | {
            "training": recipe["training"] | changed,
            "data": recipe["data"] | {"train": str(arguments.train), "validation": str(arguments.validation)},
        }
    )


def trained(recipe: Recipe) -> tuple[float, float, float, float]:
    """Validation loss, accuracy of the probe, rank of the embedding, and jets per second of CPU time, of one run."""
    with tempfile.TemporaryDirectory() as runs:
        started = time.process_time()
        result = pretrain(recipe, runs, show_progress=False)
        rate = result.seen / (time.process_time() - started)
        train, validation = (
            embeddings_of(result.best, folder) for folder in (recipe.data.train, recipe.data.validation)
        )
    targets = [columns["target"].astype(np.int64) for _, columns in (train, validation)]
    accuracy = probe((train[0], targets[0]), (validation[0], targets[1]))
    return result.metrics["loss"], accuracy, result.metrics["embedding_rank"], rate


def probe(train: tuple[Floats, Targets], test: tuple[Floats, Targets]) -> float:
    """Accuracy of a linear classifier of the embedding."""
    order = np.random.default_rng(0).permutation(len(train[1]))[:PROBE_LABELS]
    cut = round(0.8 * len(order))
    parts = [(train[0][rows], train[1][rows]) for rows in (order[:cut], order[cut:])]
    scores = linear_probe(*parts[0], *parts[1], test[0])
    return float((scores.argmax(axis=1) == test[1]).mean())


if __name__ == "__main__":
    main()
