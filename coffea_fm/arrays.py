"""Names of the array types that the package passes around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Floats = npt.NDArray[np.floating]
Scores = npt.NDArray[np.floating]
"""Probabilities of classes, [n_jets, n_classes]."""
Targets = npt.NDArray[np.integer]
"""Index of the true class, [n_jets]."""
