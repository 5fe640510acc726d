"""Split one folder into training and validation rows: by fold, and by a hash of the event number."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import BoolArray
from coffea_fm.errors import InputError
from coffea_fm.hashing import hash_to_uniform
from coffea_fm.shards import ShardDataset
from coffea_fm.training.recipe.sections import SplitConfig


def split(data: ShardDataset, config: SplitConfig) -> tuple[BoolArray, BoolArray]:
    """Select the training and the validation rows.

    Parameters
    ----------
    data : ShardDataset
        All rows.
    config : SplitConfig

    Returns
    -------
    train, validation : bool array of shape [n_rows]

    Raises
    ------
    InputError
        If the columns ``event`` or ``fold`` are missing, the fold to leave out is empty, or a class is missing from one
        of the two parts.
    """
    columns = data.scalars("event", "target")
    kept = np.ones(len(columns["event"]), dtype=np.bool_)
    if config.leave_out is not None:
        folds = data.scalars("fold")["fold"]
        if not (folds == config.leave_out).any():
            found = ", ".join(f"{fold:g}" for fold in np.unique(folds))
            raise InputError(
                f"data.split.leave_out: {data.folder} has no rows in fold {config.leave_out}, only in: {found}"
            )
        kept = folds != config.leave_out
    if config.examples is not None:
        order = np.argsort(hash_to_uniform([columns["event"]], 2 * config.draw), kind="stable")
        kept[order[kept[order]][config.examples :]] = False
    validation = kept & (hash_to_uniform([columns["event"]], 2 * config.draw + 1) < config.validation)
    train = kept & ~validation
    for part, rows in (("training", train), ("validation", validation)):
        absent = set(range(len(data.classes))) - set(columns["target"][rows].tolist())
        if absent:
            raise InputError(
                f"data.split: the {part} part of the {kept.sum()} selected rows in {data.folder} has no examples of class "
                f"{data.classes[min(absent)]}: use more examples, or change data.split"
            )
    return train, validation
