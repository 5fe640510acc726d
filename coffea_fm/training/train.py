"""Train as a recipe says: one call from a recipe to the folder of a run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from coffea_fm.errors import RecipeError
from coffea_fm.training.data.datasets import datasets
from coffea_fm.training.loop.adaptation import starting_point
from coffea_fm.training.loop.interrupt import stop_requested
from coffea_fm.training.loop.lock import locked
from coffea_fm.training.loop.logs import progress_bar
from coffea_fm.training.loop.loop import Training
from coffea_fm.training.loop.parallel import launch
from coffea_fm.training.loop.state import open_run
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

RecipeLike = Recipe | str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """What a training came to.

    Parameters
    ----------
    folder : Path
        Holds ``best/``, ``last/``, ``log.csv`` and ``tensorboard/``.
    finished : bool
        False if it was interrupted: the same call goes on.
    seen : int
        Jets, or events, trained on, repetitions counted.
    metrics : dict of str to float
        Of the best checkpoint, on validation.
    """

    folder: Path
    finished: bool
    seen: int
    metrics: dict[str, float]

    @property
    def best(self) -> Path:
        """The best checkpoint: what to export, or to start from."""
        return self.folder / "best"

    def __repr__(self) -> str:
        state = "finished" if self.finished else "interrupted, the same call goes on"
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"TrainingResult({self.best}, {state}, {self.seen} seen; on validation: {numbers or 'nothing yet'})"


def pretrain(
    recipe: RecipeLike, runs: str | os.PathLike[str] = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train as a recipe says, from the start or from where the run of that name was interrupted.

    Parameters
    ----------
    recipe : Recipe or path-like
        What to do, or its YAML file.
    runs : path-like
        The run goes to ``runs/NAME``.
    processes : int
        How many share the examples of each step: one a GPU, or on CPUs up to the number of cores. More than one are
        started anew, so that a script that calls this needs ``if __name__ == "__main__":``.
    show_progress : bool
        Draw a progress bar.

    Raises
    ------
    InputError
        If the shards do not hold what the recipe reads, or there is no checkpoint to start from.
    RecipeError
        If the recipe is not valid, the checkpoint to start from does not fit, the folder holds a run of another recipe,
        another training is at work there, the training diverges, or a process is killed.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    folder = Path(runs) / recipe.name
    datasets(recipe)
    starting_point(recipe)
    with locked(folder):
        open_run(folder, recipe)
        work = partial(_train, recipe=recipe, folder=folder, show_progress=show_progress)
        finished, seen, metrics = launch(work, processes, recipe.training.precision)
    return TrainingResult(folder, finished, seen, metrics)


def finetune(
    recipe: RecipeLike, runs: str | os.PathLike[str] = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train on from a checkpoint as the section ``start`` of a recipe says; see `pretrain`.

    Raises
    ------
    RecipeError
        If the recipe has no section ``start``, or for the reasons of `pretrain`.
    """
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if loaded.start is None:
        raise RecipeError(
            f"the recipe {loaded.name if recipe is loaded else recipe} has no section start: add 'start: {{mode: full, "
            "checkpoint: runs/NAME/best}', or the name of a shipped model; or train from random weights with pretrain"
        )
    return pretrain(loaded, runs, processes=processes, show_progress=show_progress)


def _train(fabric: Fabric, recipe: Recipe, folder: Path, show_progress: bool) -> tuple[bool, int, dict[str, float]]:
    training = Training(recipe, folder, fabric)
    unit = f"{training.data.level.name}s"
    visible = show_progress and fabric.is_global_zero
    total, done = recipe.training.seen, training.progress.seen
    with stop_requested() as stop, progress_bar(recipe.name, total, done, unit=unit, visible=visible) as bar:
        training.run(stop, bar)
    progress = training.progress
    return progress.finished, progress.seen, progress.best
