"""Repulsion between nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

SMALLEST = 1e-8


def koleo(vectors: Tensor) -> Tensor:
    """Kozachenko-Leonenko regulariser (arXiv:1806.03198): ``-log`` of the distance to the nearest neighbour.

    Parameters
    ----------
    vectors : Tensor, float32 [jets, dim]
        Embeddings, at least two; they are normalised first.

    Returns
    -------
    Tensor, float32 [jets]
    """
    directions = normalize(vectors, dim=-1)
    with torch.no_grad():
        nearest = (directions @ directions.T).fill_diagonal_(-1.0).argmax(dim=1)
    return -torch.log((directions - directions[nearest] + SMALLEST).norm(dim=-1) + SMALLEST)
