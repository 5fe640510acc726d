"""Target: the type of a hidden particle."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Surroundings, Target, TargetConfig
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.tokens import Level

KINDS = (-211, -13, -11, 11, 13, 22, 130, 211)
"""Values of ``pdgId`` that particle-flow candidates have."""


class IdentityTargetConfig(TargetConfig):
    """Settings of the particle type target, with eight classes.

    Parameters
    ----------
    weight : float
        Weight of the loss (0.3 in arXiv:2409.12589).
    """

    weight: PositiveFloat = 0.3

    def build(self, around: Surroundings) -> IdentityTarget:  # noqa: D102
        return IdentityTarget(around.level, around.dim, self.weight)


def kind_column(level: Level, reader: str) -> int:
    """Index of the field ``pdgId`` of the particles.

    Parameters
    ----------
    level : Level
    reader : str
        Who needs it, for the error message.

    Raises
    ------
    RecipeError
        If the inputs have no such field.
    """
    names = only_member(level).names
    if "pdgId" not in names:
        raise RecipeError(f"{reader} needs the field pdgId: add it to inputs.fields")
    return names.index("pdgId")


def kinds_of(inputs: Inputs, column: int) -> Tensor:
    """Index of the type of each particle in `KINDS`, int64 [jets, tokens]."""
    kinds = torch.tensor(KINDS, dtype=torch.float32, device=inputs.values.device)
    return torch.searchsorted(kinds, inputs.tokens.values[..., column].float().contiguous()).clamp(max=len(KINDS) - 1)


class IdentityTarget(Target):
    """Cross-entropy of a linear classifier of particle type and charge.

    Parameters
    ----------
    level : Level
    dim : int
        Width of the vectors.
    weight : float
    """

    def __init__(self, level: Level, dim: int, weight: float) -> None:
        super().__init__(weight)
        self._column = kind_column(level, "method.targets.id")
        self.logits = Readout(nn.Linear(dim, len(KINDS)))

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        index = part.of_hidden(kinds_of(part.hidden.inputs, self._column))
        return cross_entropy(self.logits(predicted.vectors), index, reduction="none")
