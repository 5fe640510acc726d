"""Nearest neighbours in a table of vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

_ROWS = 256
"""Vectors compared at once on a CPU: their distances to a thousand centres fit into its second-level cache."""
_MOST_ROWS = 16384
_NEIGHBOURS = 32
"""Centres compared at once: torch finds the smallest of many numbers ten times faster than its index."""


@torch.no_grad()
def nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    """Index of the nearest centre of each vector, int64 [...], always computed in single precision.

    Parameters
    ----------
    vectors : Tensor [..., dim]
    centres : Tensor [centres, dim]
    """
    with torch.autocast(vectors.device.type, enabled=False):
        rows, table = vectors.float().reshape(-1, vectors.shape[-1]), centres.float()
        offsets = table.square().sum(dim=1) / 2
        if torch.onnx.is_in_onnx_export():
            return torch.addmm(offsets, rows, table.T, alpha=-1).argmin(dim=1).view(vectors.shape[:-1])
        missing = -len(centres) % _NEIGHBOURS
        table, offsets = pad(table, (0, 0, 0, missing)), pad(offsets, (0, missing), value=math.inf)
        chunks = torch.split(rows, _ROWS if rows.device.type == "cpu" else _MOST_ROWS)
        return torch.cat([_nearest(chunk, table, offsets) for chunk in chunks]).view(vectors.shape[:-1])


def _nearest(rows: Tensor, table: Tensor, offsets: Tensor) -> Tensor:
    distances = torch.addmm(offsets, rows, table.T, alpha=-1).view(len(rows), len(table) // _NEIGHBOURS, _NEIGHBOURS)
    block = distances.amin(dim=2).argmin(dim=1)
    within = distances[torch.arange(len(rows), device=rows.device), block].argmin(dim=1)
    return block * _NEIGHBOURS + within
