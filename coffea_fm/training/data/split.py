"""Rows of one folder to train on and to validate with: by fold, and by a number drawn from that of the event."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens.packed import BoolArray
from coffea_fm.training.recipe.inputs import SplitConfig


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
        lacks a class.
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
        order = np.argsort(uniform(columns["event"], 2 * config.draw), kind="stable")
        kept[order[kept[order]][config.examples :]] = False
    validation = kept & (uniform(columns["event"], 2 * config.draw + 1) < config.validation)
    train = kept & ~validation
    for part, rows in (("train on", train), ("validate with", validation)):
        lacking = set(range(len(data.classes))) - set(columns["target"][rows].tolist())
        if lacking:
            raise InputError(
                f"of the {kept.sum()} rows in {data.folder} that are left, those to {part} have none of the class "
                f"{data.classes[min(lacking)]}: give more, or another data.split"
            )
    return train, validation


def uniform(events: npt.NDArray[np.integer], stream: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each event number, always the same (SplitMix64 of the number in a stream)."""
    with np.errstate(over="ignore"):
        mixed = events.astype(np.uint64) + np.uint64(stream + 1) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
