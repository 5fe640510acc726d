"""The cut of a cascade, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import DoubleArray, FloatArray
from coffea_fm.inference.discriminants import fraction


@dataclass(frozen=True)
class Choice:
    """The cut of a cascade, and what it costs, measured on labelled jets.

    Parameters
    ----------
    signal, background : tuple of str
        Classes of the discriminant ``signal / (signal + background)`` of the small network.
    keep : float
        Fraction of the accepted signal to keep that was asked for.
    working_point : str or None
        The accepted signal is what passes this working point of the large network; if None, it is all signal.
    cut : float
        Smallest discriminant of jets that the large network scores, chosen on one half of the labelled jets.
    accepted_loss, accepted_loss_error : float
        Fraction of the accepted signal below the cut and its binomial error, measured on the other half. This is what
        a cut at the working point loses.
    n_accepted : int
        Number of accepted signal jets that this was measured on.
    signal_loss, signal_loss_error : float
        The same for all signal, whether the large network accepts it or not.
    n_signal : int
        Number of signal jets that this was measured on.
    background_kept : float or None
        Fraction of the background above the cut: what the large network has to do. None if no background jets were given.
    data : str
        Where the labelled jets are from.
    """

    signal: tuple[str, ...]
    background: tuple[str, ...]
    keep: float
    working_point: str | None
    data: str
    cut: float = 0.0
    accepted_loss: float = 0.0
    accepted_loss_error: float = 1.0
    n_accepted: int = 0
    signal_loss: float = 0.0
    signal_loss_error: float = 1.0
    n_signal: int = 0
    background_kept: float | None = None


def discriminant_of(scores: FloatArray, classes: Sequence[str], choice: Choice) -> DoubleArray:
    """The discriminant that the cut is on, float64 [n]; NaN without a score.

    Parameters
    ----------
    scores : float32 array of shape [n, n_classes]
    classes : sequence of str
        Names of the columns.
    choice : Choice
        The classes to add up.
    """
    sums = (
        scores[:, [list(classes).index(name) for name in names]].sum(axis=1, dtype=np.float64)
        for names in (choice.signal, choice.background)
    )
    return np.asarray(fraction(*sums))
