"""What the commands that train have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import show

if TYPE_CHECKING:
    from coffea_fm.training.train import TrainingResult

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Runs = Annotated[Path, typer.Option(help="Folder of runs; this one goes to RUNS/NAME.")]
Processes = Annotated[
    int, typer.Option(min=1, help="How many share the jets of each step: one a GPU, or up to the number of cores.")
]


def show_training(result: TrainingResult, again: str, *, as_json: bool) -> None:
    """Print what came of a training, and the command that goes on with it."""
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
