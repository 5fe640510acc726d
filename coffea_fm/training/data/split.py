"""Rows of one folder to train on and to validate with: by fold, and by a number drawn from that of the event."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import BoolArray
from coffea_fm.errors import InputError
from coffea_fm.hashing import hash_to_uniform
from coffea_fm.shards import ShardDataset
from coffea_fm.training.recipe.sections import SplitConfig


def split(data: ShardDataset, config: SplitConfig) -> tuple[BoolArray, BoolArray]:
    """Rows to train on, and rows to validate with.

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
        If the columns ``event`` or ``fold`` are not stored, the fold to leave out has no row, or one of the two parts
        has nothing of a class.
    """
    columns = data.scalars("event", "target")
    kept = np.ones(len(columns["event"]), dtype=np.bool_)
    if config.leave_out is not None:
        folds = data.scalars("fold")["fold"]
        if not (folds == config.leave_out).any():
            found = ", ".join(f"{fold:g}" for fold in np.unique(folds))
            raise InputError(f"no row in {data.folder} is of fold {config.leave_out}, which is to be left out: {found}")
        kept = folds != config.leave_out
    if config.examples is not None:
        order = np.argsort(hash_to_uniform([columns["event"]], 2 * config.draw), kind="stable")
        kept[order[kept[order]][config.examples :]] = False
    validation = kept & (hash_to_uniform([columns["event"]], 2 * config.draw + 1) < config.validation)
    train = kept & ~validation
    for part, rows in (("train on", train), ("validate with", validation)):
        absent = set(range(len(data.classes))) - set(columns["target"][rows].tolist())
        if absent:
            raise InputError(
                f"of the {kept.sum()} rows in {data.folder} that are left, those to {part} have none of the class "
                f"{data.classes[min(absent)]}: give more, or another data.split"
            )
    return train, validation
