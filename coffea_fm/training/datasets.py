"""The shards that a recipe names."""

from __future__ import annotations

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset
from coffea_fm.training.recipe import Recipe


def datasets(recipe: Recipe) -> tuple[ShardDataset, ShardDataset]:
    """The shards to train on and to validate with.

    Raises
    ------
    InputError
        If they do not hold what the recipe reads, or have different classes.
    """
    spec = recipe.data_spec
    data, validation = ShardDataset(recipe.data.train, spec), ShardDataset(recipe.data.validation, spec)
    if validation.classes != data.classes:
        raise InputError(f"{validation.folder} has other classes than {data.folder}: collect them again")
    return data, validation
