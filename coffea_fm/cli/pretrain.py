"""``coffea-fm pretrain``: train as a recipe says."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.cli.output import Json
from coffea_fm.cli.training import Processes, RecipeFile, Runs, train_and_tell


def pretrain(recipe: RecipeFile, runs: Runs = Path("runs"), processes: Processes = 1, as_json: Json = False) -> None:
    """Train a model as a recipe says; the same command again goes on where it was interrupted."""
    from coffea_fm.training.recipe.recipe import load_recipe

    train_and_tell(load_recipe(recipe), f"coffea-fm pretrain {recipe}", runs, processes, as_json=as_json)
