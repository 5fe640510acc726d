"""Train as a recipe says: one call from a recipe to the folder of a run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from coffea_fm.training.data.datasets import datasets
from coffea_fm.training.loop.adaptation import starting_point
from coffea_fm.training.loop.interrupt import stop_requested
from coffea_fm.training.loop.logs import progress_bar
from coffea_fm.training.loop.loop import Training
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.loop.state import open_run
from coffea_fm.training.recipe.recipe import Recipe


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    Parameters
    ----------
    folder : Path
        Holds ``best/``, ``last/``, ``log.csv`` and ``tensorboard/``.
    finished : bool
        False if it was interrupted: the same call goes on.
    seen_jets : int
        Jets trained on, repetitions counted.
    best : dict of str to float
        Validation metrics of the best checkpoint.
    """

    folder: Path
    finished: bool
    seen_jets: int
    best: dict[str, float]


def train(
    recipe: Recipe, runs: str | os.PathLike[str] = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train as a recipe says, from the start or from where the run of that name was interrupted.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    runs : path-like
        The run goes to ``runs/NAME``.
    processes : int
        How many share the jets of each step: one a GPU, or on CPUs up to the number of cores. More than one are
        started anew, so that a script that calls this needs ``if __name__ == "__main__":``.
    show_progress : bool
        Draw a progress bar.

    Raises
    ------
    InputError
        If the shards do not hold what the recipe reads, or there is no checkpoint to start from.
    RecipeError
        If the checkpoint to start from does not fit, the folder holds a run of another recipe, the training diverges,
        or a process is killed.
    """
    folder = Path(runs) / recipe.name
    datasets(recipe)
    starting_point(recipe)
    open_run(folder, recipe)
    work = partial(_train, recipe=recipe, folder=folder, show_progress=show_progress)
    finished, seen_jets, best = launch(work, processes, recipe.training.precision)
    return TrainingResult(folder, finished, seen_jets, best)


def _train(fabric: Fabric, recipe: Recipe, folder: Path, show_progress: bool) -> tuple[bool, int, dict[str, float]]:
    training = Training(recipe, folder, fabric)
    visible = show_progress and fabric.is_global_zero
    with (
        stop_requested() as stop,
        progress_bar(recipe.name, recipe.training.seen_jets, training.progress.seen_jets, visible=visible) as bar,
    ):
        training.run(stop, bar)
    progress = training.progress
    return progress.finished, progress.seen_jets, progress.best
