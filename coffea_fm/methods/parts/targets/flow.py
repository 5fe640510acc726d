"""Target: the distribution of the fields of a hidden particle, as a flow from noise."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.flow_matching import WAVES, flow, logistic_normal_times, time_waves
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Surroundings, Target, TargetConfig
from coffea_fm.methods.parts.tokenizers.fields import FieldName, ParticleFields
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level


class FlowTargetConfig(TargetConfig):
    """Settings of the flow target.

    Parameters
    ----------
    width : int
        Hidden width of the network that predicts the velocity.
    """

    width: PositiveInt = 128

    def build(self, around: Surroundings) -> FlowTarget:  # noqa: D102
        return FlowTarget(around.level, around.fields, around.dim, self)


class FlowTarget(Target):
    """Conditional flow matching: mean squared error of the velocity.

    At time t, a value x and noise ε are mixed to ``(1 - t) x + t ε``, with velocity ``ε - x``. As in the public code of
    MPM v2 (arXiv:2409.12589), t is the logistic function of a standard normal number.

    Parameters
    ----------
    level : Level
    names : tuple of str
        Fields to predict.
    dim : int
        Width of the vectors that the velocity is conditioned on.
    config : FlowTargetConfig
    """

    def __init__(self, level: Level, names: tuple[FieldName, ...], dim: int, config: FlowTargetConfig) -> None:
        super().__init__(config.weight)
        self.fields = ParticleFields(level, names)
        layers = [nn.Linear(dim + WAVES + len(names), config.width), nn.SiLU()]
        layers += [nn.Linear(config.width, config.width), nn.SiLU(), nn.Linear(config.width, len(names))]
        self.velocity = Readout(nn.Sequential(*layers))

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Compute the quantiles of the fields."""
        self.fields.fit(data)

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        numbers = part.of_hidden(self.fields(part.hidden.inputs))
        noise = torch.randn_like(numbers)
        time = logistic_normal_times(numbers[:, :1])
        mixed, velocity = flow(numbers, noise, time)
        difference: Tensor = self.velocity(torch.cat((predicted.vectors, time_waves(time), mixed), dim=1)) - velocity
        return difference.square().mean(dim=1)
