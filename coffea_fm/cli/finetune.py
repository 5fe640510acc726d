"""``coffea-fm finetune``: fine-tune a checkpoint."""

from __future__ import annotations

from pathlib import Path

from coffea_fm.cli.output import Json
from coffea_fm.cli.training import Processes, RecipeFile, Runs, show_training


def finetune(recipe: RecipeFile, runs: Runs = Path("runs"), processes: Processes = 1, as_json: Json = False) -> None:
    """Fine-tune a checkpoint as set in section `start` of a recipe. Run the same command again to resume."""
    import coffea_fm

    result = coffea_fm.finetune(recipe, runs, processes=processes, show_progress=not as_json)
    show_training(result, f"coffea-fm finetune {recipe}", as_json=as_json)
