"""Teach a first network the scores of the large one: soft labels, from the weights that it has learned from true labels.

``python benchmarks/cascade/distil.py CHECKPOINT TEACHER SHARDS OUTPUT``: a checkpoint of the first network, the bundle of
the large one, the shards to train on, and the folder of the new checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import coffea_fm
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shards import ShardDataset

BATCH, MICRO_TOKENS, LEARNING_RATE = 512, 8192, 1e-3


def main() -> None:
    """Score the shards with the teacher, train, and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkpoint", "teacher", "data", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    random, _ = np.random.default_rng(0), torch.manual_seed(0)
    model, checkpoint = load_checkpoint(options.checkpoint)
    teacher = coffea_fm.load(options.teacher, threads=1)
    data = ShardDataset(options.data, model.level)
    packed, _ = data.read(data.row_groups)
    read = ShardDataset(options.data, teacher.manifest.level)
    scores = teacher.chain.run(read.read(read.row_groups)[0], teacher.manifest.level, ("scores",))["scores"]
    good = np.flatnonzero(np.isfinite(scores).all(axis=1))
    columns = {f"score_{index}": scores[:, index] for index in range(scores.shape[1])}
    examples = Examples(packed, columns, np.ones(len(scores), np.float32))
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.02)
    steps = options.epochs * (len(good) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    for epoch in range(options.epochs):
        order, losses = random.permutation(good), []
        for start in range(0, len(good) - BATCH + 1, BATCH):
            optimizer.zero_grad()
            for part in padded_batches(examples.take(order[start : start + BATCH]), model.level, MICRO_TOKENS):
                target = torch.stack([part.columns[name] for name in columns], dim=1)
                loss = cross_entropy(model(part.inputs).float(), target, reduction="sum") / BATCH
                loss.backward()
                losses.append(float(loss.detach()))
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: cross-entropy {sum(losses) / (len(good) // BATCH):.4f}", flush=True)
    provenance = checkpoint.provenance | {"distilled_from": teacher.checksum}
    save_checkpoint(options.output, model.state_dict(), checkpoint.network, provenance)


if __name__ == "__main__":
    main()
