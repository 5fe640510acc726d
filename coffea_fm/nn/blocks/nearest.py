"""Nearest neighbours in a table of vectors."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    """Index of the nearest centre of each vector, int64 [...], always computed in single precision.

    Parameters
    ----------
    vectors : Tensor [..., dim]
    centres : Tensor [centres, dim]
    """
    with torch.autocast(vectors.device.type, enabled=False):
        rows, centres = vectors.float().reshape(-1, vectors.shape[-1]), centres.float()
        offsets = centres.square().sum(dim=1) / 2
        return torch.addmm(offsets, rows, centres.T, alpha=-1).argmin(dim=1).view(vectors.shape[:-1])
