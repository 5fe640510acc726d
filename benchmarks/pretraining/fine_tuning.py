"""Fine-tuning of whole networks with few and many labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from data import labelled
from encoders import backbone_of, is_reference, jets_of, pretrained
from figures_of_merit import figures, shift, target_of
from study import Study
from vectors import predict

from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.train import TrainingResult, pretrain

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
TEST_SETS = ("test", "test-again", "above-1-tev", "other-tune", "other-detector", "other-simulation")
"""Jets of ``test-again`` are of the same simulation: its shift is the floor of all others."""
LABELS_OF_CHOICE = 1000
AUGMENTATION = {"rotate": True, "reflect": True, "smear": 0.1, "drop": 0.1}


def fine_tune(study: Study, name: str, n_labels: int, seed: int, way: str) -> dict[str, Any]:
    """Train everything from this encoder on so many labelled jets, and judge it, once also out of domain."""
    result = train_on_labels(study, name, n_labels, seed, way)
    model, _ = load_checkpoint(result.folder / "best")
    found: dict[str, Any] = {"validation": result.metrics, "seen": result.seen}
    whole = n_labels == LABELS_OF_CHOICE and way == chosen_way(study, name)
    nominal = None
    for part in TEST_SETS if whole else TEST_SETS[:1]:
        shards = part + jets_of(study, name)
        if (study.work / "shards" / shards).exists():
            scored = predict(study, model, shards), target_of(study, shards)
            nominal = nominal or scored
            found[part] = {**figures(*scored), "shift": shift(nominal, scored)}
    return found


def train_on_labels(study: Study, name: str, n_labels: int, seed: int, way: str) -> TrainingResult:
    """Train everything from this encoder on so many labelled jets, unless that was done."""
    shards = labelled(study.work, n_labels, seed, jets_of(study, name))
    recipe = Recipe.model_validate(
        {
            "name": f"{name}-{n_labels}-{seed}-{way}",
            "inputs": {"fields": FIELDS},
            "backbone": backbone_of(study, name),
            "method": {"kind": "supervised"},
            "training": {
                **study.fine_tuning[n_labels],
                "lr": study.ways[way]["lr"],
                "weight_decay": 0.02,
                "ema": 0.99,
                "patience": 6,
                "augmentation": AUGMENTATION,
                "seed": seed,
            },
            "data": {"train": str(shards / "train"), "validation": str(shards / "validation")},
            "start": None
            if is_reference(study, name)
            else {"checkpoint": str(pretrained(study, name)), **study.ways[way]["start"]},
        }
    )
    return pretrain(recipe, study.work / "fine-tuned" / name, show_progress=False)


def chosen_way(study: Study, name: str) -> str:
    """The way with the lowest validation loss at 1000 labels, among those that are tried for every encoder."""
    losses = losses_of_ways(study, name)
    return min(losses, key=losses.__getitem__)


def losses_of_ways(study: Study, name: str) -> dict[str, float]:
    """Mean validation loss over all sets of labels, of which one has 200 validation jets, by way."""
    seeds = range(study.seeds[LABELS_OF_CHOICE])

    def loss(way: str) -> float:
        return float(
            np.mean([train_on_labels(study, name, LABELS_OF_CHOICE, seed, way).metrics["loss"] for seed in seeds])
        )

    return study.result(f"ways/{name}", lambda: {way: loss(way) for way in study.ways})
