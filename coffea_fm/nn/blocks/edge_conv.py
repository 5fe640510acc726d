"""Edge convolutions on the nearest neighbours of each token (arXiv:1801.07829, arXiv:1902.08570)."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, relu

_FAR = 1e30
"""Squared distance of an empty slot, and minus that of a token to itself."""
_TIE = 1e-12
"""Small enough to matter only where distances are equal."""


def nearest(points: Tensor, vectors: Tensor, mask: Tensor, neighbours: int) -> Tensor:
    """Indices of the nearest other tokens of each token.

    Distances are computed in double precision, so that different runtimes choose the same neighbours. Among equally near
    ones, the sum of their vectors decides, so that the order of the tokens does not matter.

    Parameters
    ----------
    points : Tensor [sets, tokens, coordinates]
    vectors : Tensor [sets, tokens, dim]
    mask : Tensor, bool [sets, tokens]
    neighbours : int

    Returns
    -------
    Tensor, int64 [sets, tokens, neighbours]
        Indices of ``tokens`` and above where there are fewer other tokens.
    """
    with torch.autocast(points.device.type, enabled=False):
        points = points.detach().double()
        squared = points.square().sum(dim=-1)
        tie = _TIE * vectors.detach().double().sum(dim=-1)
        distance = (squared + tie).unsqueeze(1) + squared.unsqueeze(2) - 2.0 * (points @ points.transpose(1, 2))
        position = torch.arange(mask.shape[1], device=mask.device)
        own = position.unsqueeze(1) == position
        distance = distance.masked_fill(~mask.unsqueeze(1), _FAR).masked_fill(own, -_FAR)
        distance = pad(distance, (0, neighbours + 1), value=_FAR)
        found: Tensor = distance.topk(neighbours + 1, dim=-1, largest=False, sorted=True)[1][:, :, 1:]
        return found


class NormedLinear(nn.Module):
    """A linear layer without bias and a batch norm, which is folded into the weights in evaluation mode."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after, bias=False)
        self.norm = nn.BatchNorm1d(after)

    def forward(self, rows: Tensor) -> Tensor:
        """Apply both to rows, [..., before]."""
        if self.training:
            return self.normalise(self.linear(rows))
        factor, shift = self._affine()
        return linear(rows, self.linear.weight * factor.unsqueeze(1), shift)

    def normalise(self, rows: Tensor) -> Tensor:
        """Apply the batch norm only, to [..., after]."""
        if self.training:
            return cast("Tensor", self.norm(rows.flatten(0, -2))).view(rows.shape)
        factor, shift = self._affine()
        return rows * factor + shift

    def _affine(self) -> tuple[Tensor, Tensor]:
        mean, variance = cast("Tensor", self.norm.running_mean), cast("Tensor", self.norm.running_var)
        factor = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        return factor, self.norm.bias - mean * factor


class EdgeConv(nn.Module):
    """The mean, over the neighbours of a token, of a small network of its vector and theirs; plus a shortcut.

    The first layer is linear in the token and in the neighbour: it is applied to tokens before neighbours are chosen.

    Parameters
    ----------
    before : int
        Width of the vectors.
    widths : tuple of int
        Widths of the layers.
    """

    def __init__(self, before: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(NormedLinear(*shape) for shape in pairwise((2 * before, *widths)))
        self.shortcut = NormedLinear(before, widths[-1]) if before != widths[-1] else None

    def forward(self, vectors: Tensor, neighbours: Tensor, mask: Tensor) -> Tensor:
        """Update the vectors.

        In training, empty slots do not enter the batch statistics.

        Parameters
        ----------
        vectors : Tensor [sets, tokens, before]
            0 in empty slots.
        neighbours : Tensor, int64 [sets, tokens, neighbours]
            From `nearest`. An absent neighbour has a vector of zeros.
        mask : Tensor, bool [sets, tokens]

        Returns
        -------
        Tensor [sets, tokens, widths[-1]]
            0 in empty slots.
        """
        first, *others = cast("list[NormedLinear]", list(self.layers))
        of_difference, of_token = (
            first.linear.weight[:, vectors.shape[-1] :],
            first.linear.weight[:, : vectors.shape[-1]],
        )
        n_sets, n_absent = mask.shape[0], neighbours.shape[2] + 1
        n_slots = mask.shape[1] + n_absent
        there = pad(linear(vectors, of_difference), (0, 0, 0, n_absent)).flatten(0, 1)
        start = n_slots * torch.arange(n_sets, device=mask.device).view(-1, 1, 1)
        index = neighbours + start
        if self.training:
            vectors, index = vectors[mask], index[mask]
        else:
            vectors, index = vectors.flatten(0, 1), index.flatten(0, 1)
        here = linear(vectors, of_token - of_difference)
        edges = here.unsqueeze(1) + there.index_select(0, index.flatten()).view(*index.shape, there.shape[-1])
        edges = relu(first.normalise(edges))
        for layer in others:
            edges = relu(layer(edges))
        rows = relu(edges.mean(dim=1) + (vectors if self.shortcut is None else self.shortcut(vectors)))
        return to_slots(rows, mask, only_real=self.training)


def to_slots(rows: Tensor, mask: Tensor, *, only_real: bool) -> Tensor:
    """Put rows, of real tokens only or of all slots, into the slots [sets, tokens, dim]; 0 in empty ones."""
    if not only_real:
        return rows.view(*mask.shape, rows.shape[-1]).masked_fill(~mask.unsqueeze(-1), 0.0)
    vectors = rows.new_zeros((*mask.shape, rows.shape[-1]))
    vectors[mask] = rows
    return vectors
