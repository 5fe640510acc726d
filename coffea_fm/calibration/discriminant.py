"""The discriminant that analyses cut on: scores of a signal class relative to a background class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import DoubleArray
from coffea_fm.inference.discriminants import fraction


def discriminant(scores: npt.NDArray[np.floating], signal: int, background: int) -> DoubleArray:
    """``signal / (signal + background)`` of each jet, in float64; 0 where both scores are 0, NaN without a score.

    Parameters
    ----------
    scores : float array of shape [n_jets, n_classes]
        Probabilities.
    signal, background : int
        Columns of the classes.
    """
    return np.asarray(fraction(*(scores[:, column].astype(np.float64) for column in (signal, background))))
