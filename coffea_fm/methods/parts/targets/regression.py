"""Target: the fields of a hidden particle."""

from __future__ import annotations

from torch import Tensor, nn

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Surroundings, Target, TargetConfig
from coffea_fm.methods.parts.tokenizers.fields import FieldName, ParticleFields
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level


class RegressionTargetConfig(TargetConfig):
    """Settings of the regression target."""

    def build(self, around: Surroundings) -> RegressionTarget:  # noqa: D102
        return RegressionTarget(around.level, around.fields, around.dim, self.weight)


class RegressionTarget(Target):
    """Mean absolute error of a linear regression of the scaled fields.

    Parameters
    ----------
    level : Level
    names : tuple of str
        Fields to predict.
    dim : int
        Width of the vectors.
    weight : float
    """

    def __init__(self, level: Level, names: tuple[FieldName, ...], dim: int, weight: float) -> None:
        super().__init__(weight)
        self.fields = ParticleFields(level, names)
        self.numbers = Readout(nn.Linear(dim, len(names)))

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Compute the quantiles of the fields."""
        self.fields.fit(data)

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        truth = part.of_hidden(self.fields(part.hidden.inputs))
        difference: Tensor = self.numbers(predicted.vectors) - truth
        return difference.abs().mean(dim=1)
