"""Train a tokenizer from its recipe, and inspect it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from coffea_fm.config import Config, read_config, read_yaml
from coffea_fm.errors import RecipeError, warn
from coffea_fm.files import atomic
from coffea_fm.methods.parts.tokenizers import inspection
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import Tokenizer, TokenizerDescription, load_tokenizer
from coffea_fm.nn.checkpoint import WEIGHTS, save_tensors
from coffea_fm.plots.style import style
from coffea_fm.shards import ShardDataset
from coffea_fm.training.loop.launchers import launcher
from coffea_fm.training.recipe.inputs import InputsConfig
from coffea_fm.training.recipe.recipe import load_recipe
from coffea_fm.training.recipe.sections import DataConfig
from coffea_fm.training.train import pretrain

COLLAPSED = 0.1
"""Fraction of the codes that are used, below which there is a warning."""


class KMeansRecipe(Config):
    """The recipe of a k-means tokenizer; a VQ-VAE has an ordinary training recipe.

    Parameters
    ----------
    name : str
        The tokenizer is written to the folder ``RUNS/NAME``.
    inputs : InputsConfig
    tokenizer : KMeansConfig
    data : DataConfig
    seed : int
    """

    name: str
    inputs: InputsConfig
    tokenizer: KMeansConfig
    data: DataConfig
    seed: int = 0


def make_tokenizer(
    recipe: str | os.PathLike[str], runs: str | os.PathLike[str], *, processes: int = 1, show_progress: bool = True
) -> dict[str, Any]:
    """Fit or train a tokenizer, and inspect it on the validation jets.

    Parameters
    ----------
    recipe : path-like
        A YAML file with a section ``tokenizer`` (k-means), or a training recipe with the method ``vq-vae``.
    runs : path-like
        The tokenizer is written to ``runs/NAME``.
    processes : int
        Number of processes that share a training.
    show_progress : bool

    Returns
    -------
    dict
        ``folder``, ``tokenizer``, ``finished`` and, if finished, the results of the inspection, which are also written
        to ``inspection.json``, next to ``inspection.png``.

    Raises
    ------
    RecipeError
        If the recipe is not that of a tokenizer, or ``torchrun`` or ``srun`` has started several processes.
    """
    if (launched := launcher(os.environ)) is not None:
        raise RecipeError(
            f"a tokenizer is made by one command, not by {launched.processes} processes of {launched.name}"
        )
    if _is_kmeans(Path(recipe)):
        folder, validation = _fit(Path(recipe), Path(runs))
        finished = True
    else:
        training = load_recipe(recipe)
        if training.method.kind != "vq-vae":
            raise RecipeError(f"{recipe}: method.kind is {training.method.kind}, but a tokenizer needs vq-vae")
        result = pretrain(training, runs, processes=processes, show_progress=show_progress)
        folder, finished, validation = result.folder, result.finished, training.data.validation
    account: dict[str, Any] = {"folder": str(folder), "tokenizer": str(folder / "best"), "finished": finished}
    return account | _inspect(folder, validation) if finished else account


def _is_kmeans(path: Path) -> bool:
    content = read_yaml(path, "recipe")
    return isinstance(content, dict) and "tokenizer" in content


def _fit(path: Path, runs: Path) -> tuple[Path, Path]:
    recipe = read_config(path, KMeansRecipe, "recipe")
    level = recipe.inputs.build()
    tokenizer = KMeansTokenizer(recipe.tokenizer, level)
    tokenizer.fit(ShardDataset(recipe.data.train, level), recipe.seed)
    folder = runs / recipe.name
    save_tensors(folder / "best" / WEIGHTS, tokenizer.state_dict())
    TokenizerDescription(tokenizer=recipe.tokenizer, level=level).write(folder / "best")
    return folder, recipe.data.validation


def _inspect(folder: Path, validation: Path) -> dict[str, Any]:
    tokenizer: Tokenizer = load_tokenizer(folder / "best")
    seen = inspection.inspect(tokenizer, ShardDataset(validation, tokenizer.level))
    numbers = inspection.summary(tokenizer, seen)
    with atomic(folder / "inspection.json") as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    with atomic(folder / "inspection.png") as temporary, style():
        inspection.figure(tokenizer, seen).savefig(temporary, format="png", dpi=100)
    if numbers["occupancy"] < COLLAPSED:
        warn(
            f"only {numbers['occupancy']:.0%} of the {numbers['codes']} codes of {folder} are used: the tokenizer has "
            "collapsed or is not trained long enough; see inspection.png"
        )
    return numbers
