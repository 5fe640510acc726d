"""Training steps by coffea-fm."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coffea_fm.cli.run import execute
from coffea_fm.shards import ShardDataset
from coffea_fm.training.batches import Examples
from coffea_fm.training.loop import Training
from coffea_fm.training.recipe import Recipe

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
MICRO_TOKENS = {"particle-transformer": 1024, "set-transformer": 4096}
SMALL_BATCH = 390


def shards_of(jets: Path, scratch: Path) -> ShardDataset:
    """The jets of ROOT files in JetClass layout, as shards."""
    execute(
        "collect_jets",
        [str(path) for path in sorted(jets.glob("*.root"))],
        scratch,
        schema="JetClassSchema",
        options={"folder": str(scratch), "collection": "Jet"},
        treename="tree",
        plots=False,
        quiet=True,
    )
    return ShardDataset(scratch)


def trainer(
    kind: str, precision: str, data: ShardDataset, order: npt.NDArray[np.int64], batch: int | None
) -> Callable[[int], int]:
    """A function that makes some steps, by the training loop's own method, and gives the number of jets in them."""
    recipe = Recipe.model_validate(
        {
            "name": "benchmark",
            "inputs": {"fields": FIELDS},
            "backbone": {"kind": kind},
            "method": {"kind": "supervised"},
            "training": {"seen_jets": 10**9, "precision": precision, "micro_tokens": MICRO_TOKENS[kind]},
            "data": {"train": str(data.folder), "validation": str(data.folder)},
        }
    )
    training = Training(recipe, Path(tempfile.mkdtemp(dir=data.folder)))
    packed, columns = data.read(data.row_groups)
    examples = Examples.of(packed, columns, training.weights)
    size = batch or SMALL_BATCH
    position = 0

    def steps(number: int) -> int:
        nonlocal position
        for _ in range(number):
            chosen = np.take(order, np.arange(position, position + size), mode="wrap")
            training.step(examples.take(chosen))
            position += size
        return number * size

    return steps
