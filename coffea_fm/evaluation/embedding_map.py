"""Embeddings in the plane, to see how classes lie."""

from __future__ import annotations

import numpy as np

from coffea_fm.arrays import DoubleArray, FloatArray


def principal_map(vectors: FloatArray, n_components: int = 2) -> tuple[DoubleArray, DoubleArray]:
    """Project standardised vectors on their principal components.

    Parameters
    ----------
    vectors : float array of shape [n, dim]
        Finite.
    n_components : int
        How many; vectors of fewer numbers give zeros for the rest.

    Returns
    -------
    points : float64 array of shape [n, n_components]
    fractions : float64 array of shape [n_components]
        Of the variance that each component holds.
    """
    centred = standardised(vectors)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    found = min(n_components, len(values))
    points, fractions = np.zeros((len(vectors), n_components)), np.zeros(n_components)
    points[:, :found] = centred @ directions[:found].T
    fractions[:found] = values[:found] ** 2 / max(float((values**2).sum()), 1e-300)
    return points, fractions


def standardised(vectors: FloatArray) -> DoubleArray:
    """Columns of mean 0 and variance 1; 0 where a column is constant."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 1e-12, spread, 1.0), dtype=np.float64)
