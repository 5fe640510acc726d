"""Folds by event number: what an event trained is never what scores it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import RecipeError

FOLDS = 3


def folds(events: ak.Array) -> npt.NDArray[np.int64]:
    """Fold of each event, its number modulo three; int64 [n_events]."""
    return np.asarray(ak.to_numpy(events.event) % FOLDS, dtype=np.int64)


def require_folds(bundles: int) -> None:
    """Refuse a number of bundles that is neither one nor that of the folds.

    Raises
    ------
    RecipeError
        If it is another.
    """
    if bundles not in (1, FOLDS):
        raise RecipeError(
            f"{bundles} bundles were given for {FOLDS} folds: give one for each fold, each trained on the other "
            "folds, or a single one that was trained on none of these events"
        )


def by_fold(
    functions: Sequence[Callable[..., ak.Array]], fold: npt.NDArray[np.int64], *arrays: Any
) -> list[tuple[npt.NDArray[np.int64], ak.Array]]:
    """Apply to the events of each fold the function of that fold.

    Parameters
    ----------
    functions : sequence of callable
        One a fold, or one for all events.
    fold : int64 [n_events]
        See `folds`.
    *arrays : array
        Arguments of the functions, one entry an event.

    Returns
    -------
    list of (int64 [n], awkward.Array)
        For each function, which events it was given and what it returned; `in_order` puts them together.
    """
    require_folds(len(functions))
    groups = (
        [np.flatnonzero(fold == number) for number in range(FOLDS)] if len(functions) > 1 else [np.arange(len(fold))]
    )
    return [
        (rows, function(*(array[rows] for array in arrays))) for function, rows in zip(functions, groups, strict=True)
    ]


def in_order(parts: Sequence[tuple[npt.NDArray[np.int64], ak.Array]]) -> ak.Array:
    """What `by_fold` gave, in the order of the events."""
    rows, values = zip(*parts, strict=True)
    return ak.concatenate(values)[np.argsort(np.concatenate(rows))]
