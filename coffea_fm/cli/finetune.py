"""``coffea-fm finetune``: train on from a checkpoint."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.cli.output import Json
from coffea_fm.cli.training import Processes, RecipeFile, Runs, train_and_tell
from coffea_fm.errors import RecipeError


def finetune(recipe: RecipeFile, runs: Runs = Path("runs"), processes: Processes = 1, as_json: Json = False) -> None:
    """Train on from a checkpoint as the section `start` of a recipe says; the same command again goes on."""
    from coffea_fm.training.recipe.recipe import load_recipe

    loaded = load_recipe(recipe)
    if loaded.start is None:
        raise RecipeError(
            f"{recipe} has no section start: add 'start: {{mode: full, checkpoint: runs/NAME/best}}', "
            "or train from random weights with coffea-fm pretrain"
        )
    train_and_tell(loaded, f"coffea-fm finetune {recipe}", runs, processes, as_json=as_json)
