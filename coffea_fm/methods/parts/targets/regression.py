"""The numbers of a hidden particle."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PositiveFloat
from torch import Tensor, nn

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Target
from coffea_fm.methods.parts.tokenizers.fields import FieldName, ParticleFields
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import InputSpec


class RegressionTargetConfig(BaseModel):
    """The scaled numbers themselves.

    Parameters
    ----------
    weight : float
        Factor of the loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: PositiveFloat = 1.0


class RegressionTarget(Target):
    """Mean absolute difference of numbers that are linear in the vectors.

    Parameters
    ----------
    spec : InputSpec
    names : tuple of str
        Which numbers.
    dim : int
        Width of the vectors.
    weight : float
    """

    def __init__(self, spec: InputSpec, names: tuple[FieldName, ...], dim: int, weight: float) -> None:
        super().__init__(weight)
        self.fields = ParticleFields(spec, names)
        self.numbers = Readout(nn.Linear(dim, len(names)))

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Take the quantiles."""
        self.fields.fit(data)

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        truth = part.of_hidden(self.fields(part.hidden.inputs))
        difference: Tensor = self.numbers(predicted.vectors) - truth
        return difference.abs().mean(dim=1)
