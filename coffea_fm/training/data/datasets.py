"""The shards that a recipe names."""

from __future__ import annotations

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset
from coffea_fm.training.data.split import split
from coffea_fm.training.recipe.recipe import Recipe


def datasets(recipe: Recipe) -> tuple[ShardDataset, ShardDataset]:
    """Open the training and validation shards.

    Raises
    ------
    InputError
        If they do not contain the inputs of the recipe, or have different classes.
    """
    level = recipe.data_level
    data = ShardDataset(recipe.data.train, level)
    if recipe.data.split is not None:
        train, validation = split(data, recipe.data.split)
        return ShardDataset(data.folder, level, train), ShardDataset(data.folder, level, validation)
    others = ShardDataset(recipe.data.validation, level)
    if others.classes != data.classes:
        raise InputError(f"{others.folder} has other classes than {data.folder}: collect them again")
    return data, others
