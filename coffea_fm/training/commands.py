"""What ``coffea-fm pretrain`` and ``finetune`` do, for notebooks and scripts."""

from __future__ import annotations

import os

from coffea_fm.errors import RecipeError
from coffea_fm.training.recipe import load_recipe
from coffea_fm.training.train import TrainingResult, train

PathLike = str | os.PathLike[str]


def pretrain(
    recipe: PathLike, runs: PathLike = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train a model as a recipe says; the same call again goes on where it was interrupted.

    Parameters
    ----------
    recipe : path-like
        The recipe, a YAML file.
    runs : path-like
        Folder of runs; this one goes to ``RUNS/NAME``.
    processes : int
        How many share the jets of each step, see `coffea_fm.training.train.train`.
    show_progress : bool
        Draw a progress bar.

    Raises
    ------
    RecipeError
        If the recipe is not valid.
    """
    return train(load_recipe(recipe), runs, processes=processes, show_progress=show_progress)


def finetune(
    recipe: PathLike, runs: PathLike = "runs", *, processes: int = 1, show_progress: bool = True
) -> TrainingResult:
    """Train on from a checkpoint as the section ``start`` of a recipe says; the same call again goes on.

    Parameters
    ----------
    recipe, runs, processes, show_progress
        As for `pretrain`.

    Raises
    ------
    RecipeError
        If the recipe is not valid, or has no section ``start``.
    """
    loaded = load_recipe(recipe)
    if loaded.start is None:
        raise RecipeError(
            f"{recipe} has no section start: add 'start: {{mode: full, checkpoint: runs/NAME/best}}', "
            "or train from random weights with coffea-fm pretrain"
        )
    return train(loaded, runs, processes=processes, show_progress=show_progress)
