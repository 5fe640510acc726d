"""Attention bias from the physics of each pair of tokens (arXiv:2202.03772), computed on real pairs only."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from coffea_fm.nn.kinematics import Momenta, pair_features


class PairBias(nn.Module):
    """A small network on the four pair features, giving one bias a head.

    The features are symmetric, so only pairs with ``i >= j`` of real tokens are computed; batch norms therefore never
    see padding, in training or later.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    heads : int
        Heads of the attention that the bias is added to.
    """

    def __init__(self, hidden: tuple[int, ...], heads: int) -> None:
        super().__init__()
        widths = (4, *hidden, heads)
        layers: list[nn.Module] = [nn.BatchNorm1d(4)]
        for width_in, width_out in pairwise(widths):
            layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.GELU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.heads = heads

    def forward(self, momenta: Momenta, mask: Tensor) -> Tensor:
        """Bias of each pair of tokens.

        Parameters
        ----------
        momenta : Momenta, each [sets, tokens]
        mask : Tensor, bool [sets, tokens]

        Returns
        -------
        Tensor [sets, heads, tokens, tokens]
            0 where one of the two tokens is padding.
        """
        n_sets, n_tokens = mask.shape
        real = (mask.unsqueeze(2) & mask.unsqueeze(1)).tril()
        pair_set, pair_a, pair_b = real.nonzero().unbind(dim=1)
        offset = pair_set * n_tokens
        flat = torch.stack(momenta, dim=-1).reshape(-1, 4)
        with torch.autocast(mask.device.type, enabled=False):
            features = pair_features(
                Momenta(*flat[offset + pair_a].unbind(-1)), Momenta(*flat[offset + pair_b].unbind(-1))
            )
        biases = self.layers(features)
        biases = torch.cat((biases.new_zeros(1, self.heads), biases))
        row = real.flatten().to(torch.int64).cumsum(0).reshape(real.shape) * real
        row = torch.maximum(row, row.transpose(1, 2)).flatten()
        return biases.index_select(0, row).reshape(n_sets, n_tokens, n_tokens, self.heads).permute(0, 3, 1, 2)
