"""Where an encoder holds what tells classes apart: a line on every read-out of it, and of a random one beside it.

Run with ``make benchmark-readouts``. The jets are divided into 40% to fit on, 10% to choose the regularisation with and
50% to test on. Writes ``readouts.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from study import HERE, MODELS

from coffea_fm.evaluation.probes import linear_probe
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.blocks.readout import LayerMix
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset

Floats = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]
Parts = tuple[npt.NDArray[np.int64], ...]
MICRO_TOKENS = 4096
STEPS, RATE = 200, 0.05
"""Optimizer steps of the learned mixture, all training jets in each, and their highest learning rate."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, nargs="+", default=[MODELS / "mpm-v2" / "checkpoint"])
    parser.add_argument(
        "--data", type=Path, default=HERE / "work" / "shards" / "test", help="folder of labelled shards"
    )
    parser.add_argument("--jets", type=int, default=25_000)
    parser.add_argument("--output", type=Path, default=HERE / "readouts.md")
    arguments = parser.parse_args()
    networks = {name_of(path): load_checkpoint(path)[0].backbone for path in arguments.checkpoints}
    first = next(iter(networks.values()))
    torch.manual_seed(0)
    networks["random encoder"] = first.config.build(first.level).eval()
    examples, target = some_jets(ShardDataset(arguments.data, first.level), arguments.jets)
    order = np.random.default_rng(0).permutation(len(target))
    parts: Parts = tuple(np.split(order, [round(0.4 * len(order)), round(0.5 * len(order))]))
    columns = {name: judged(network, examples, target, parts) for name, network in networks.items()}
    arguments.output.write_text(table(columns, len(target), len(parts[2])))
    print(arguments.output.read_text())


def name_of(checkpoint: Path) -> str:
    """Name of the model or run that a checkpoint is from."""
    return checkpoint.parent.name if checkpoint.name in {"checkpoint", "last", "best"} else checkpoint.name


def some_jets(data: ShardDataset, most: int) -> tuple[Examples, Targets]:
    """About as many jets of each class, and their classes."""
    packed, columns = data.read(data.row_groups)
    target = columns["target"].astype(np.int64)
    random = np.random.default_rng(0)
    by_class = [random.permutation(np.flatnonzero(target == number)) for number in range(len(data.classes))]
    rows = np.concatenate([found[: most // len(by_class)] for found in by_class])
    return Examples(packed.take(rows), {"number": np.arange(len(rows))}, np.ones(len(rows), np.float32)), target[rows]


def judged(network: Any, examples: Examples, target: Targets, parts: Parts) -> dict[str, float]:
    """Accuracy of a line on each read-out of an encoder, by name."""
    embedding, found = vectors(network, examples)
    blocks, others = range(found.shape[1]), range(1, found.shape[2])
    choices: dict[str, Callable[[], Floats]] = {
        f"final embedding ({network.config.embedding})": lambda: embedding,
        **{f"mean of block {block + 1}": lambda block=block: found[:, block, 0] for block in blocks},
        **{
            f"register {register} of block {block + 1}": lambda block=block, register=register: found[
                :, block, register
            ]
            for block in blocks
            for register in others
        },
        "means of all blocks side by side": lambda: found[:, :, 0].reshape(len(found), -1),
        "means and registers of all blocks side by side": lambda: found.reshape(len(found), -1),
    }
    accuracies = {}
    for name, choose in choices.items():
        accuracies[name] = accuracy(choose(), target, parts)
        print(name, f"{accuracies[name]:.3f}", flush=True)
    accuracies["learned mixture of means and registers"] = mixed(found, target, parts)
    return accuracies


def accuracy(given: Floats, target: Targets, parts: Parts) -> float:
    """Accuracy of a line on these vectors, [jets, dim]."""
    train, validation, test = parts
    scores = linear_probe(given[train], target[train], given[validation], target[validation], given[test])
    return float(np.mean(scores.argmax(axis=1) == target[test]))


@torch.no_grad()
def vectors(network: SetTransformer, examples: Examples) -> tuple[Floats, Floats]:
    """Embeddings, [jets, dim], and summaries of all blocks, [jets, layers, 1 + registers, dim]."""
    embeddings, found = [], []
    order = []
    for batch in padded_batches(examples, network.level, MICRO_TOKENS):
        embeddings.append(network(batch.inputs).embedding)
        found.append(network.summaries(batch.inputs))
        order.append(batch.columns["number"])
    back = torch.cat(order).argsort()
    return torch.cat(embeddings)[back].numpy(), torch.cat(found)[back].numpy()


def mixed(found: Floats, target: Targets, parts: Parts) -> float:
    """Accuracy of a line on the read-out ``layers``, whose weights are learned with a line on the training jets."""
    train = parts[0]
    given, classes = torch.from_numpy(found[train]), torch.from_numpy(target[train])
    torch.manual_seed(0)
    mix = LayerMix(found.shape[1], found.shape[2] - 1, found.shape[3])
    line = torch.nn.Sequential(
        torch.nn.BatchNorm1d(found.shape[3], affine=False), torch.nn.Linear(found.shape[3], int(target.max()) + 1)
    )
    optimizer = torch.optim.AdamW([*mix.parameters(), *line.parameters()], lr=RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(line(mix.mix(given)), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        vectors = mix.mix(torch.from_numpy(found)).numpy()
        weights = mix.logits.flatten().softmax(dim=0).view(mix.logits.shape)
    print("weights, mean and registers of each block:", weights.numpy().round(2).tolist(), flush=True)
    return accuracy(vectors, target, parts)


def table(columns: dict[str, dict[str, float]], n_jets: int, n_test: int) -> str:
    """Markdown of all accuracies."""
    error = float(np.sqrt(0.25 / n_test))
    rows = next(iter(columns.values()))
    return "\n".join(
        [
            "# A line on every read-out",
            "",
            f"Accuracy of a linear probe among ten classes; {n_jets:,} jets, tested on {n_test:,} of them (± {error:.3f} each; the",
            "same jets in all rows, so differences are known better). Made by `make benchmark-readouts`.",
            "",
            f"| read-out | {' | '.join(columns)} |",
            "|---|" + "---:|" * len(columns),
            *(f"| {row} | " + " | ".join(f"{column[row]:.3f}" for column in columns.values()) + " |" for row in rows),
            "",
        ]
    )


if __name__ == "__main__":
    main()
