"""Train from a recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from coffea_fm.errors import RecipeError, warn
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
Outcome = tuple[bool, int, dict[str, float], bool]
"""Whether a training finished, how many jets it saw, metrics of its best checkpoint, and whether that has collapsed."""


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """Result of a training.

    Parameters
    ----------
    folder : Path
        Contains ``best/``, ``last/``, ``log.csv`` and ``tensorboard/``.
    finished : bool
        False if it was interrupted; the same call resumes it.
    seen : int
        Number of jets or events seen, including repetitions.
    metrics : dict of str to float
        Validation metrics of the best checkpoint.
    collapsed : bool
        Whether its embeddings of different jets are nearly the same, in a training without a head.
    """

    folder: Path
    finished: bool
    seen: int
    metrics: dict[str, float]
    collapsed: bool = False

    @property
    def best(self) -> Path:
        """The best checkpoint, to export or to start from."""
        return self.folder / "best"

    def __repr__(self) -> str:
        state = "finished" if self.finished else "interrupted, the same call goes on"
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        state += ", collapsed" if self.collapsed else ""
        return f"TrainingResult({self.best}, {state}, {self.seen} seen; on validation: {numbers or 'nothing yet'})"


def pretrain(
    recipe: RecipeLike, runs: str | os.PathLike[str] = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train from a recipe, or resume the interrupted run of that name.

    Parameters
    ----------
    recipe : Recipe or path-like
        The recipe, or its YAML file.
    runs : path-like
        The run is written to ``runs/NAME``.
    processes : int
        Number of processes that share the examples of each step: one per GPU, or on CPUs up to the number of cores. If
        there are several, they are spawned, so a script that calls this needs ``if __name__ == "__main__":``.
    show_progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        If the shards do not contain the inputs of the recipe, or the checkpoint to start from does not exist.
    RecipeError
        If the recipe is invalid, the checkpoint does not match it, the folder contains a run of a different recipe,
        another training is running there, the training diverges, or a process is killed.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    folder = Path(runs) / recipe.name
    datasets(recipe)
    start = starting_point(recipe)
    if start is not None and start.change:
        warn(start.change)
    work = partial(_train, recipe=recipe, folder=folder, show_progress=show_progress)
    finished, seen, metrics, collapsed = launch(work, processes, recipe.training.precision)
    return TrainingResult(folder, finished, seen, metrics, collapsed)


def finetune(
    recipe: RecipeLike, runs: str | os.PathLike[str] = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Fine-tune a checkpoint as set in the section ``start`` of a recipe; see `pretrain`.

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


def _train(fabric: Fabric, recipe: Recipe, folder: Path, show_progress: bool) -> Outcome:
    with opened_by_one(fabric, folder, recipe):
        return _run(fabric, recipe, folder, show_progress)


@contextmanager
def opened_by_one(fabric: Fabric, folder: Path, recipe: Recipe) -> Iterator[None]:
    """Lock and open the folder of a run in the first process; if it cannot, all processes end with its reason."""
    with ExitStack() as stack:
        refused = ""
        if fabric.is_global_zero:
            try:
                stack.enter_context(locked(folder))
                open_run(folder, recipe)
            except (RecipeError, OSError) as error:
                refused = str(error)
        refused = fabric.broadcast(refused)
        if refused:
            raise RecipeError(refused)
        yield


def _run(fabric: Fabric, recipe: Recipe, folder: Path, show_progress: bool) -> Outcome:
    training = Training(recipe, folder, fabric)
    unit = f"{training.data.level.name}s"
    visible = show_progress and fabric.is_global_zero
    total, done = recipe.training.seen, training.progress.seen
    with stop_requested() as stop, progress_bar(recipe.name, total, done, unit=unit, visible=visible) as bar:
        training.run(stop, bar)
    progress = training.progress
    return progress.finished, progress.seen, progress.best, training.collapsed(progress.best)
