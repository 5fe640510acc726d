"""What the commands that train have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import show

if TYPE_CHECKING:
    from coffea_fm.training.recipe.recipe import Recipe

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Runs = Annotated[Path, typer.Option(help="Folder of runs; this one goes to RUNS/NAME.")]
Processes = Annotated[
    int, typer.Option(min=1, help="How many share the jets of each step: one a GPU, or up to the number of cores.")
]


def train_and_tell(recipe: Recipe, again: str, runs: Path, processes: int, *, as_json: bool) -> None:
    """Train as a recipe says, and say what came of it.

    Parameters
    ----------
    recipe : Recipe
    again : str
        The command that goes on with an interrupted training.
    runs, processes, as_json
        Options of the command.
    """
    from coffea_fm.training.train import train

    result = train(recipe, runs, processes=processes, show_progress=not as_json)
    best = result.folder / "best"
    account = {
        "folder": str(result.folder),
        "finished": result.finished,
        "seen_jets": result.seen_jets,
        "validation": result.best,
        "best": str(best),
    }
    numbers = ", ".join(f"{name} {value:.4f}" for name, value in result.best.items())
    lines = [f"{result.seen_jets} jets seen; best on validation: {numbers or 'none yet'}"]
    if result.finished:
        lines.append(f"wrote {best}; next: coffea-fm export {best}")
    else:
        lines.append(f"interrupted; go on with: {again}")
    show(account, "\n".join(lines), as_json=as_json)
