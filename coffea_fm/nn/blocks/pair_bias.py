"""Attention bias from pairwise features of the tokens (arXiv:2202.03772)."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from coffea_fm.nn.kinematics import Momenta, pair_features


class PairBias(nn.Module):
    """A small network that maps the four pair features to one bias per attention head.

    The features are symmetric, so only pairs with ``i >= j`` are computed. In training, padding is left out so that it
    does not enter the batch statistics. In evaluation mode, the batch norms are folded into the linear layers.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    heads : int
        Number of attention heads.
    activated : bool
        End with a GELU, as the published Particle Transformer does.
    """

    def __init__(self, hidden: tuple[int, ...], heads: int, *, activated: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.activated = activated
        self.norm = nn.BatchNorm1d(4)
        widths = (4, *hidden, heads)
        self.layers = nn.ModuleList(_NormedLinear(before, after) for before, after in pairwise(widths))

    def forward(self, momenta: Momenta, mask: Tensor) -> Tensor:
        """Bias of each pair of tokens.

        Parameters
        ----------
        momenta : Momenta, each [sets, tokens]
        mask : Tensor, bool [sets, tokens]

        Returns
        -------
        Tensor [sets, heads, tokens, tokens]
            Undefined where either token is padding.
        """
        n_sets, n_tokens = mask.shape
        position = torch.arange(n_tokens, device=mask.device)
        row, column = position.unsqueeze(1), position.unsqueeze(0)
        first, second = (row >= column).nonzero().unbind(dim=1)
        # Pairs come before sets, so that an index moves the numbers of all sets at once.
        by_token = [component.t() for component in momenta]
        with torch.autocast(mask.device.type, enabled=False):
            a, b = (Momenta(*(part.index_select(0, index) for part in by_token)) for index in (first, second))
            features = pair_features(a, b, dim=0).flatten(1).t()
        if self.training:
            real = (mask[:, first] & mask[:, second]).t().flatten()
            rows = self._train_layers(features[real])
            biases = rows.new_zeros((len(features), self.heads))
            biases[real] = rows
        else:
            biases = self._folded_layers(features)
        upper, lower = torch.maximum(row, column), torch.minimum(row, column)
        index = (upper * (upper + 1) // 2 + lower).flatten()
        square = biases.view(-1, n_sets * self.heads).index_select(0, index)
        return square.t().view(n_sets, self.heads, n_tokens, n_tokens)

    def _train_layers(self, rows: Tensor) -> Tensor:
        rows = self.norm(rows)
        for position, layer in enumerate(self.layers):
            rows = layer(gelu(rows) if position else rows)
        return gelu(rows) if self.activated else rows

    def _folded_layers(self, rows: Tensor) -> Tensor:
        factor, shift = _affine(self.norm)
        for position, layer in enumerate(self.layers):
            weight, bias = cast("_NormedLinear", layer).folded()
            if position == 0:
                weight, bias = weight * factor, bias + weight @ shift
            rows = linear(gelu(rows) if position else rows, weight, bias)
        return gelu(rows) if self.activated else rows


class _NormedLinear(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after)
        self.norm = nn.BatchNorm1d(after)

    def forward(self, rows: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.linear(rows))
        return normed

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the equivalent linear layer in evaluation mode."""
        factor, shift = _affine(self.norm)
        return factor.unsqueeze(1) * self.linear.weight, factor * self.linear.bias + shift


def _affine(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    return factor, norm.bias - mean * factor
