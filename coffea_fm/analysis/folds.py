"""Folds by event number, so that no event is scored by a model that was trained on it."""

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
    """Check that there is one bundle, or one per fold.

    Raises
    ------
    RecipeError
        If there is another number of bundles.
    """
    if bundles not in (1, FOLDS):
        raise RecipeError(
            f"{bundles} bundles were given for {FOLDS} folds: give one per fold, each trained on the other "
            "folds, or a single one that was not trained on any of these events"
        )


def by_fold(
    functions: Sequence[Callable[..., ak.Array]], fold: npt.NDArray[np.int64], *arrays: Any
) -> list[tuple[npt.NDArray[np.int64], ak.Array]]:
    """Apply the function of each fold to its events.

    Parameters
    ----------
    functions : sequence of callable
        One per fold, or one for all events.
    fold : int64 [n_events]
        See `folds`.
    *arrays : array
        Arguments of the functions, with one entry per event.

    Returns
    -------
    list of (int64 [n], awkward.Array)
        For each function, the indices of its events and the return value; `in_order` combines them.
    """
    require_folds(len(functions))
    groups = (
        [np.flatnonzero(fold == number) for number in range(FOLDS)] if len(functions) > 1 else [np.arange(len(fold))]
    )
    return [
        (rows, function(*(array[rows] for array in arrays))) for function, rows in zip(functions, groups, strict=True)
    ]


def in_order(parts: Sequence[tuple[npt.NDArray[np.int64], ak.Array]]) -> ak.Array:
    """Combine the results of `by_fold` in the order of the events."""
    rows, values = zip(*parts, strict=True)
    return ak.concatenate(values)[np.argsort(np.concatenate(rows))]
