"""Small recipes of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from random_jets import FIELDS

from coffea_fm.training.recipe.recipe import Recipe

INPUTS = {"fields": list(FIELDS)}
BACKBONE = {"kind": "set-transformer", "dim": 16, "layers": 1, "heads": 2}
SMALL = {"hidden": [16], "event_hidden": []}


def event_recipe(folder: Path, /, **sections: Any) -> Recipe:
    """A small recipe for the events of a folder, with sections updated."""
    training = {"batch_size": 40, "micro_tokens": 500, "lr": 5e-3, "ema": 0.9, "precision": "fp32"}
    content: dict[str, Any] = {
        "name": "small",
        "inputs": INPUTS,
        "event": {"minimum": 2, "maximum": 4},
        "backbone": BACKBONE,
        "head": {"kind": "deep-sets", **SMALL},
        "method": {"kind": "supervised"},
        "training": training | {"seen": 600, "validate_every": 300},
        "data": {"train": str(folder), "split": {"leave_out": 2}},
    }
    for name, values in sections.items():
        other = not isinstance(values, dict) or "kind" in values
        content[name] = values if other else {**content.get(name, {}), **values}
    return Recipe.model_validate(content)
