"""A code transformer that is given one particle after another, and keeps the keys and values of earlier ones."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from coffea_fm.nn.backbones.code_transformer import CodeTransformer
from coffea_fm.nn.blocks.incremental import Past, append
from coffea_fm.nn.blocks.transformer import Block


class CachedSequence:
    """Same as the last vector of `CodeTransformer.sequence`, at the price of one particle per call.

    Parameters
    ----------
    backbone : CodeTransformer
    starts : Tensor [jets, dim]
        Start vectors.
    """

    def __init__(self, backbone: CodeTransformer, starts: Tensor) -> None:
        self.backbone, self.starts = backbone, starts
        self.past: dict[int, Past] = {}
        self.alive = torch.arange(len(starts))

    def __call__(self, codes: Tensor, alive: Tensor) -> Tensor:
        """The last vector [alive, dim], given all codes so far [alive, particles], one more than at the last call.

        Parameters
        ----------
        codes : Tensor, int64 [alive, particles]
        alive : Tensor, int64 [alive]
            Indices of these jets, ascending; a subset of those of the last call.
        """
        kept = torch.searchsorted(self.alive, alive)
        self.alive = alive
        rows = self.backbone.embed(codes[:, -1]) if codes.shape[1] else self.starts[alive]
        for at, block in enumerate(self.backbone.blocks):
            past = self.past.get(at)
            rows, self.past[at] = append(cast("Block", block), rows, past and (past[0][kept], past[1][kept]))
        result: Tensor = self.backbone.norm(rows)
        return result
