"""The folder of a run, and the state needed to resume it."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from pydantic import BaseModel
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.nn.checkpoint import load_tensors, save_tensors
from coffea_fm.training.data.sampling import Position
from coffea_fm.training.loop.optimizer import optimizer_tensors, restore_optimizer
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

STATE = "state.safetensors"


class Progress(BaseModel):
    """Progress of a run.

    Parameters
    ----------
    fingerprint : str
        Fingerprint of the training shards; a run can only be resumed on the same data.
    step, seen : int
        Number of optimizer steps, and of jets or events seen.
    position : Position
        The next batch.
    validations, stale : int
        Number of validations, and of those since the last improvement of the loss.
    best : dict of str to float
        Validation metrics of the best checkpoint.
    finished : bool
        Whether the training is finished.
    """

    fingerprint: str
    step: int = 0
    seen: int = 0
    position: Position = Position()
    validations: int = 0
    stale: int = 0
    best: dict[str, float] = {}
    finished: bool = False


def open_run(folder: Path, recipe: Recipe) -> None:
    """Create the folder of a run, or check that the run in it has the same recipe.

    Raises
    ------
    RecipeError
        If it was started with a different recipe; the message gives the first difference.
    """
    stored = folder / "recipe.yaml"
    if (folder / "last" / STATE).exists() and stored.exists():
        difference = _difference(load_recipe(stored).model_dump(mode="json"), recipe.model_dump(mode="json"))
        if difference:
            raise RecipeError(
                f"{folder} holds a run of another recipe ({difference}): give this one another name, or remove the folder"
            )
        return
    with atomic(stored) as temporary:
        temporary.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def save_state(
    folder: Path, progress: Progress, module: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write everything needed by `restore_state` to one file."""
    parts = {
        "weights": module.state_dict(),
        "average": averaged.state_dict(),
        "optimizer": optimizer_tensors(module, optimizer),
    }
    tensors = {f"{part}/{name}": tensor for part, content in parts.items() for name, tensor in content.items()}
    save_tensors(folder / "last" / STATE, tensors, progress.model_dump(mode="json"))


def restore_state(
    folder: Path, fresh: Progress, module: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    """Restore the last saved state of a run, if there is one.

    Raises
    ------
    RecipeError
        If the training shards have changed since the run began.
    """
    path = folder / "last" / STATE
    if not path.exists():
        return fresh
    tensors, about = load_tensors(path)
    progress = Progress.model_validate(about)
    if progress.fingerprint != fresh.fingerprint:
        raise RecipeError(f"the training shards of {folder} have changed since it began: give the recipe another name")
    module.load_state_dict(_part(tensors, "weights"))
    averaged.load_state_dict(_part(tensors, "average"))
    restore_optimizer(module, optimizer, _part(tensors, "optimizer"))
    return progress


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {path.removeprefix(f"{name}/"): tensor for path, tensor in tensors.items() if path.startswith(f"{name}/")}


def _difference(old: object, new: object, key: str = "") -> str:
    """Describe the first key whose value differs; empty if there is none."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            found = _difference(old.get(name), new.get(name), f"{key}.{name}" if key else str(name))
            if found:
                return found
        return ""
    return "" if old == new else f"{key} was {old}, is {new}"
