"""What every target is made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.shards import ShardDataset

ROWS = 64
"""Numbers of rows are multiples of this: in bf16 each new one has to be prepared by the library."""


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

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        raise NotImplementedError


class Readout(nn.Module):
    """Something linear, or made of linear parts, for any number of rows.

    Parameters
    ----------
    module : nn.Module
        Takes and gives rows.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, rows: Tensor) -> Tensor:
        """Rows in single precision, as many as given."""
        result: Tensor = self.module(pad(rows, (0, 0, 0, -len(rows) % ROWS)))[: len(rows)].float()
        return result
