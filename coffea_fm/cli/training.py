"""Options and output shared by the training commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import show

if TYPE_CHECKING:
    from coffea_fm.training import TrainingResult

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Runs = Annotated[Path, typer.Option(help="Folder of runs; the output is written to RUNS/NAME.")]
Processes = Annotated[
    int,
    typer.Option(
        min=1, help="Processes that share the examples of each step: one per GPU, or up to the number of cores."
    ),
]


def show_training(result: TrainingResult, again: str, *, as_json: bool) -> None:
    """Print the result of a training; `again` is the command that resumes an interrupted one.

    Of several processes that ``torchrun`` or ``srun`` has started, only the first prints.
    """
    from coffea_fm.training.loop.launchers import launcher

    launched = launcher(os.environ)
    if launched is not None and not launched.first:
        return
    account = {
        "folder": str(result.folder),
        "finished": result.finished,
        "seen": result.seen,
        "validation": result.metrics,
        "collapsed": result.collapsed,
        "best": str(result.best),
    }
    numbers = ", ".join(f"{name} {value:.4f}" for name, value in result.metrics.items())
    lines = [f"{result.seen} examples seen; best on validation: {numbers or 'none yet'}"]
    if result.collapsed:
        lines.append("the embeddings have collapsed: this checkpoint is useless")
    if result.finished:
        lines.append(f"wrote {result.best}; next: coffea-fm export {result.best}")
        if (result.best / "generator.json").is_file():
            lines.append(f"or, to generate jets: coffea-fm generate {result.best} --data SHARDS --output FOLDER")
    else:
        lines.append(f"interrupted; resume with: {again}")
    show(account, "\n".join(lines), as_json=as_json)
