"""Variance and covariance terms of VICReg (arXiv:2105.04906), which hold embeddings apart."""

from __future__ import annotations

import torch
from torch import Tensor

WIDTH = 1.0
_SMALLEST = 1e-4


def variance(vectors: Tensor) -> Tensor:
    """Mean over the dimensions of ``max(0, 1 - s)``, where ``s²`` is the variance over the rows plus 1e-4.

    Parameters
    ----------
    vectors : Tensor, float32 [n, dim]

    Returns
    -------
    Tensor, float32 []
    """
    deviations = vectors - vectors.mean(dim=0)
    spread = torch.sqrt(deviations.square().sum(dim=0) / max(len(vectors) - 1, 1) + _SMALLEST)
    return torch.relu(WIDTH - spread).mean()


def covariance(vectors: Tensor) -> Tensor:
    """Sum of the squared covariances of pairs of different dimensions, divided by the number of dimensions.

    Parameters
    ----------
    vectors : Tensor, float32 [n, dim]

    Returns
    -------
    Tensor, float32 []
    """
    deviations = vectors - vectors.mean(dim=0)
    with torch.autocast(vectors.device.type, enabled=False):
        matrix = deviations.T @ deviations / max(len(vectors) - 1, 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / vectors.shape[1]
