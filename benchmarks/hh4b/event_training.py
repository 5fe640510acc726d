"""Trainings on labelled events: every way, with rates that are chosen on its own validation events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from data import events_of
from pretrained import embeddings, start_of
from study import MODELS, Setting, Study, merged

from coffea_fm.errors import RecipeError
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training import Recipe, TrainingResult, pretrain
from coffea_fm.training.data.embeddings import EmbeddedShards, embed_shards

MICRO_TOKENS = 4096


def event_recipe(study: Study, setting: Setting, rate: int, fold: int | None = None) -> Recipe:
    """The recipe of a way in the zoo, with the study's network, pretraining and events, and one of the rates.

    Events of `fold` are left out, so that the model can judge them.
    """
    way, training = study.ways[setting.way], study.training
    content = yaml.safe_load((MODELS / way["recipe"] / "recipe.yaml").read_text())
    steps = study.steps[setting.labels]
    seen = way["longer"] * steps["seen"]
    mode = content["start"]["mode"]
    name = f"{setting.way}-{setting.start}-{setting.labels}-{setting.seed}-{rate}"
    split = {"examples": setting.labels, "draw": setting.seed}
    content |= {
        "name": name if fold is None else f"{name}-without-{fold}",
        "backbone": study.backbone,
        "start": {"mode": mode, **start_of(study, setting.start)},
        "data": {
            "train": str(events_of(study, "train")),
            "split": split if fold is None else {**split, "leave_out": fold},
        },
        "training": content["training"]
        | {
            "seen": seen,
            "batch_size": steps["batch_size"],
            "validate_every": -(-seen // training["validations"]),
            "patience": training["patience"],
            "seed": setting.seed,
        },
    }
    return Recipe.model_validate(merged(merged(content, way["changes"]), way["rates"][rate]))


def trained(study: Study, setting: Setting, rate: int, fold: int | None = None) -> TrainingResult:
    """Train, unless that was done."""
    result = pretrain(event_recipe(study, setting, rate, fold), embeddings(study).parent, show_progress=False)
    if not result.finished:
        raise RecipeError(f"the training {setting.name} was interrupted: start the study again to go on")
    return result


def chosen_rate(study: Study, way: str, start: str) -> int:
    """Which of the rates of a way has the lowest validation loss, with the study's middle number of labels."""
    setting = Setting(way, start, study.rates_at, 0)

    def losses() -> dict[str, Any]:
        found = [trained(study, setting, rate).metrics["loss"] for rate in range(len(study.ways[way]["rates"]))]
        return {"losses": found, "chosen": int(np.argmin(found))}

    chosen: int = study.result(f"rates/{way}-{start}", losses)["chosen"]
    return chosen


@torch.no_grad()
def discriminants(checkpoint: Path, events: Path, cache: Path) -> npt.NDArray[np.float64]:
    """Logarithm of the odds of signal of all events in a folder, float64 [n_events]."""
    model, trained_as = load_checkpoint(checkpoint)
    data = ShardDataset(events, model.level)
    if trained_as.provenance["recipe"]["start"]["mode"] == "frozen":
        data = EmbeddedShards(data, embed_shards(model, data, cache=cache))
    assert model.head is not None
    logits = np.empty((data.n_sets, 2))
    first = 0
    for packed, _ in data:
        row = np.arange(first, first + len(packed))
        first += len(packed)
        examples = Examples(packed, {"row": row}, np.ones(len(packed), np.float32))
        for batch in padded_batches(examples, data.level, MICRO_TOKENS):
            with torch.autocast("cpu", torch.bfloat16):
                known = model.known(batch.inputs)
            found = model.head(
                *(known[name].float() if known[name].is_floating_point() else known[name] for name in model.head.reads)
            )
            logits[batch.columns["row"].numpy()] = found.double().numpy()
    return logits[:, 1] - logits[:, 0]
