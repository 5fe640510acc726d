"""The generator of OmniLearned (arXiv:2510.24066): one vector per particle from the body of a PET2."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.nn.blocks.pet2 import FeedForward, PetBlock, attention_bias


class PetGenerator(nn.Module):
    """Layers of all vectors of the body and one of the class, and a readout of the particles.

    Parameters
    ----------
    dim, heads, feed_forward, layers : int
        Those of the body; as many layers as it has for its class tokens.
    classes : int
        Number of classes; there is no vector of the class if there is only one, or none.
    outputs : int
        Number of numbers per particle.
    """

    def __init__(self, dim: int, heads: int, feed_forward: int, layers: int, classes: int, outputs: int) -> None:
        super().__init__()
        hidden = feed_forward * dim
        embed = nn.Sequential(nn.Embedding(classes, dim), FeedForward(dim, hidden, dim, norm=False))
        self.embed_class = embed if classes > 1 else None
        self.blocks = nn.ModuleList(PetBlock(dim, heads, feed_forward) for _ in range(layers))
        self.last = FeedForward(dim, hidden, dim, norm=False)
        self.out = nn.Linear(dim, outputs)

    def forward(self, vectors: Tensor, mask: Tensor, n_before: int, classes: Tensor | None) -> Tensor:
        """Numbers of the particles [sets, particles, outputs]; 0 for padding.

        Parameters
        ----------
        vectors : Tensor [sets, tokens, dim]
            Output of the body, in which the particles come after `n_before` others.
        mask : Tensor, bool [sets, tokens]
        n_before : int
        classes : Tensor, int64 [sets], optional
        """
        if self.embed_class is not None and classes is not None:
            vectors = torch.cat((self.embed_class(classes).unsqueeze(1), vectors), dim=1)
            mask, n_before = nn.functional.pad(mask, (1, 0), value=True), n_before + 1
        bias = attention_bias(mask, vectors.dtype)
        for block in self.blocks:
            vectors = block(vectors, mask.unsqueeze(-1), bias)
        numbers: Tensor = self.out(self.last(vectors[:, n_before:]))
        return numbers * mask[:, n_before:].unsqueeze(-1)
