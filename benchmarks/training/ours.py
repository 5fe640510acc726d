"""Training steps by coffea-fm."""

from __future__ import annotations

import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

import coffea_fm
from coffea_fm.nn.batches import Examples
from coffea_fm.shards import ShardDataset
from coffea_fm.training.data.sampling import Position, Step
from coffea_fm.training.loop.loop import Training
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.recipe.recipe import Recipe

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
MICRO_TOKENS = {"particle-transformer": 2048, "set-transformer": 4096}
WARM_UP = {"particle-transformer": 1, "set-transformer": 25}
"""Steps until most shapes of batches have been met: a real training makes thousands."""


def shards_of(jets: Path, scratch: Path) -> ShardDataset:
    """The jets of ROOT files in JetClass layout, as shards."""
    coffea_fm.run(
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


def rate(kind: str, precision: str, folder: Path, batch: int, steps: int, processes: int, turn: int) -> float:
    """Jets per second of some steps of the training loop, after `WARM_UP` that are not counted."""
    recipe = Recipe.model_validate(
        {
            "name": "benchmark",
            "inputs": {"fields": FIELDS},
            "backbone": {"kind": kind},
            "method": {"kind": "supervised"},
            "training": {"seen": 10**9, "precision": precision, "micro_tokens": MICRO_TOKENS[kind]},
            "data": {"train": str(folder), "validation": str(folder)},
        }
    )
    work = partial(timed_steps, recipe=recipe, batch=batch, steps=steps, turn=turn)
    return launch(work, processes, recipe.training.precision)


def timed_steps(fabric: Fabric, recipe: Recipe, batch: int, steps: int, turn: int) -> float:
    """What `rate` measures, in each process."""
    warm_up = WARM_UP[recipe.backbone.kind]
    with tempfile.TemporaryDirectory() as run:
        training = Training(recipe, Path(run), fabric)
        data = training.data
        examples = Examples.of(*data.read(data.row_groups), training.weights)
        order = np.random.default_rng(turn).permutation(data.n_sets)
        starts = range(0, (steps + warm_up) * batch, batch)
        mine = slice(fabric.global_rank, None, fabric.world_size)
        parts = [Step(Position(), batch, examples.take(order[start : start + batch][mine])) for start in starts]
        for part in parts[:warm_up]:
            training.step(part, threading.Event())
        started = time.perf_counter()
        for part in parts[warm_up:]:
            training.step(part, threading.Event())
        return steps * batch / (time.perf_counter() - started)
