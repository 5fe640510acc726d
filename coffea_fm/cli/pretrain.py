"""``coffea-fm pretrain``: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.cli.output import Json
from coffea_fm.cli.training import Processes, RecipeFile, Runs, show_training


def pretrain(recipe: RecipeFile, runs: Runs = Path("runs"), processes: Processes = 1, as_json: Json = False) -> None:
    """Train a model from a recipe. Run the same command again to resume an interrupted training."""
    import coffea_fm

    result = coffea_fm.pretrain(recipe, runs, processes=processes, show_progress=not as_json)
    show_training(result, f"coffea-fm pretrain {recipe}", as_json=as_json)
