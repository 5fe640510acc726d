"""What every target is."""

from __future__ import annotations

from torch import Tensor, nn

from coffea_fm.pretraining.masked_jets import MaskedJets
from coffea_fm.shards import ShardDataset


class Target(nn.Module):
    """Something to predict of a hidden particle.

    Parameters
    ----------
    weight : float
        Factor of its loss.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Look at the training jets once, before the first step of a run."""

    def forward(self, vectors: Tensor, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden], from a vector for each, [n_hidden, dim]."""
        raise NotImplementedError
