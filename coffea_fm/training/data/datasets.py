"""The shards that a recipe names."""

from __future__ import annotations

from coffea_fm.errors import InputError
from coffea_fm.shards import EventDataset, ShardDataset
from coffea_fm.tokens.packed import BoolArray
from coffea_fm.training.data.split import split
from coffea_fm.training.recipe.recipe import Recipe


def datasets(recipe: Recipe) -> tuple[ShardDataset, ShardDataset]:
    """The shards to train on and to validate with; of events, if the recipe is one of events.

    Raises
    ------
    InputError
        If they do not hold what the recipe reads, or have different classes.
    """
    data = _dataset(recipe)
    if recipe.data.split is not None:
        train, validation = split(data, recipe.data.split)
        return _dataset(recipe, chosen=train), _dataset(recipe, chosen=validation)
    others = _dataset(recipe, validation=True)
    if others.classes != data.classes:
        raise InputError(f"{others.folder} has other classes than {data.folder}: collect them again")
    return data, others


def _dataset(recipe: Recipe, *, validation: bool = False, chosen: BoolArray | None = None) -> ShardDataset:
    folder = recipe.data.validation if validation else recipe.data.train
    if recipe.event is None:
        return ShardDataset(folder, recipe.data_spec, chosen)
    return EventDataset(folder, recipe.inputs.spec(), recipe.event.spec(), chosen)
