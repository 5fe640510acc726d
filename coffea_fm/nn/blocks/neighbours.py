"""Nearest neighbours among the tokens of a set, for any number of tokens, also in exported graphs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_FAR = 1e9
"""Squared distance of a token to itself and to padding."""


class Neighbours(NamedTuple):
    """The nearest neighbours of each token.

    Attributes
    ----------
    index : Tensor, int64 [sets, tokens, neighbours]
    mask : Tensor, bool [sets, tokens, neighbours]
        False where a set has fewer tokens.
    """

    index: Tensor
    mask: Tensor

    def of(self, vectors: Tensor) -> Tensor:
        """Vectors of the neighbours, [sets, tokens, neighbours, dim], from those of the tokens [sets, tokens, dim]."""
        sets, tokens, dim = vectors.shape
        first = torch.arange(sets, device=vectors.device).view(-1, 1, 1) * tokens
        chosen = vectors.reshape(-1, dim).index_select(0, (self.index + first).flatten())
        return chosen.view(*self.index.shape, dim)


def nearest(points: Tensor, mask: Tensor, count: int) -> Neighbours:
    """Find the nearest real neighbours of each token, itself excluded.

    Parameters
    ----------
    points : Tensor [sets, tokens, coordinates]
    mask : Tensor, bool [sets, tokens]
    count : int
        Number of neighbours; fewer if there are fewer tokens.
    """
    tokens = points.shape[1]
    distance = (points.unsqueeze(2) - points.unsqueeze(1)).square().sum(dim=-1)
    position = torch.arange(tokens, device=points.device)
    excluded = ~mask.unsqueeze(1) | (position.unsqueeze(1) == position)
    distance = distance.masked_fill(excluded, _FAR)
    if torch.onnx.is_in_onnx_export():
        # A graph must not remember the number of tokens it was exported with.
        most = torch.minimum(torch.tensor(count), torch.as_tensor(tokens))
        found, index = torch.topk(distance, most, dim=-1, largest=False)  # type: ignore[call-overload]
    else:
        found, index = torch.topk(distance, min(count, tokens), dim=-1, largest=False)
    return Neighbours(index, found < _FAR)
