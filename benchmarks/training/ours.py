"""Training steps by coffea-fm."""

from __future__ import annotations

import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from lightning_fabric import Fabric

import coffea_fm
from coffea_fm.nn.batches import Examples
from coffea_fm.shards import ShardDataset
from coffea_fm.training.data.sampling import Position, Step
from coffea_fm.training.loop.loop import Training
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.recipe.recipe import Recipe

MODELS = Path(__file__).parents[2] / "models"
FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
PART: dict[str, Any] = {
    "name": "particle-transformer",
    "inputs": {"fields": FIELDS},
    "backbone": {"kind": "particle-transformer"},
    "method": {"kind": "supervised"},
    "training": {"seen": 10**9, "micro_tokens": 2048},
}
WARM_UP = {PART["name"]: 1}
"""Steps that are not counted; in the others `WARM_UP_JETS` are seen, until most shapes of batches have been met."""
WARM_UP_JETS = 10_000


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


def recipe_of(name: str, precision: str, folder: Path, batch_tokens: int | None = None) -> Recipe:
    """A recipe below ``models/``, or that of the Particle Transformer, for these shards."""
    path = MODELS / name / "recipe.yaml"
    content = PART if name == PART["name"] else yaml.safe_load(path.read_text())
    training = {**content["training"], "seen": 10**9, "precision": precision}
    if batch_tokens is not None:
        training["batch_tokens"] = batch_tokens
    data = {"train": str(folder), "validation": str(folder)}
    return Recipe.model_validate({**content, "training": training, "data": data})


def rate(recipe: Recipe, processes: int, turn: int, *, batch: int | None = None, jets: int = 6_000) -> float:
    """Jets per second of the training loop.

    Parameters
    ----------
    recipe : Recipe
    processes : int
    turn : int
        Seed of the order of the jets.
    batch : int, optional
        Number of jets per step; by default as many as the ``batch_tokens`` of the recipe hold on average.
    jets : int
        Number of jets that are timed, after those that warm up.
    """
    work = partial(timed_steps, recipe=recipe, batch=batch, jets=jets, turn=turn)
    return launch(work, processes, recipe.training.precision)


def timed_steps(fabric: Fabric, recipe: Recipe, batch: int | None, jets: int, turn: int) -> float:
    """What `rate` measures, in each process."""
    with tempfile.TemporaryDirectory() as run:
        training = Training(recipe, Path(run), fabric)
        data = training.data
        examples = Examples.of(*data.read(data.row_groups), training.weights)
        size = batch or round(recipe.training.batch_tokens / float(examples.packed.n_tokens.mean()))
        steps = max(1, round(jets / size))
        warm_up = WARM_UP.get(recipe.name, -(-WARM_UP_JETS // size))
        rows = np.random.default_rng(turn).permutation(data.n_sets)
        order = np.resize(rows, (steps + warm_up) * size)
        mine = slice(fabric.global_rank, None, fabric.world_size)
        starts = range(0, len(order), size)
        parts = [Step(Position(), size, examples.take(order[start : start + size][mine])) for start in starts]
        for part in parts[:warm_up]:
            training.step(part, threading.Event())
        fabric.barrier()
        started = time.perf_counter()
        for part in parts[warm_up:]:
            training.step(part, threading.Event())
        return steps * size / (time.perf_counter() - started)
