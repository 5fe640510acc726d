"""The continuous numbers of a particle on one scale: each quantile-transformed to a normal distribution."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.inputs import Inputs, only_group
from coffea_fm.nn.kinematics import wrap
from coffea_fm.pretraining.tokenizers.sample import sample_jets
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import InputSpec, pad

FieldName = Literal["pt", "eta", "phi", "d0", "d0_error", "dz", "dz_error"]
ALL_FIELDS: tuple[FieldName, ...] = ("pt", "eta", "phi", "d0", "d0_error", "dz", "dz_error")
QUANTILES = 512
FITTED_JETS = 4096
LARGEST = 3.0


class QuantileFields(nn.Module):
    """Numbers of particles as standard normal ones (the inputs of MPM v2, arXiv:2409.12589), and back.

    ``eta`` and ``phi`` are relative to the jet, with the sign of the features that networks read. What a particle
    lacks, as neutral ones lack impact parameters, is 0.

    Parameters
    ----------
    spec : InputSpec
    names : tuple of str
        Which numbers.

    Raises
    ------
    RecipeError
        If the inputs lack one of them, or the axis of the jet.
    """

    knots: Tensor
    normal: Tensor

    def __init__(self, spec: InputSpec, names: tuple[FieldName, ...]) -> None:
        super().__init__()
        group = only_group(spec)
        lacking: list[str] = [name for name in names if name not in group.names]
        lacking += [f"jet.{name}" for name in ("eta", "phi") if name not in spec.jet_names]
        if lacking:
            raise RecipeError(f"targets need the fields {', '.join(lacking)}: add them to the inputs, or take fewer")
        self.names = names
        self._spec = spec
        self._columns = [group.names.index(name) for name in names]
        self._missing = [group.missing_names.index(n) if n in group.missing_names else None for n in names]
        self._axis = [spec.jet_names.index(name) for name in ("eta", "phi")]
        levels = torch.linspace(0, 1, QUANTILES, dtype=torch.float64)
        self.register_buffer("knots", torch.zeros(len(names), QUANTILES))
        self.register_buffer("normal", torch.special.ndtri(levels).clamp(-LARGEST, LARGEST).float())

    def raw(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Numbers in their units [sets, tokens, fields], and where they exist (bool, of the same shape)."""
        columns, present = [], []
        eta_axis, phi_axis = (inputs.jet[:, column].unsqueeze(1) for column in self._axis)
        for name, column, missing in zip(self.names, self._columns, self._missing, strict=True):
            values = inputs.tokens[..., column]
            if name == "eta":
                values = (values - eta_axis) * torch.where(eta_axis < 0, -1.0, 1.0)
            elif name == "phi":
                values = wrap(values - phi_axis)
            columns.append(values)
            present.append(inputs.mask if missing is None else inputs.mask & ~inputs.missing[..., missing])
        return torch.stack(columns, dim=-1), torch.stack(present, dim=-1)

    @torch.no_grad()
    def fit(self, data: ShardDataset) -> None:
        """Take the quantiles of the particles of some training jets."""
        values, present = self.raw(Inputs.from_arrays(pad(sample_jets(data, FITTED_JETS), self._spec), self._spec))
        levels = np.linspace(0, 1, QUANTILES)
        for index in range(len(self.names)):
            known = values[..., index][present[..., index]].numpy()
            if len(known) == 0:
                raise RecipeError(f"no particle of {data.folder} has {self.names[index]}: take it out of the targets")
            self.knots[index] = torch.from_numpy(np.quantile(known, levels)).float()

    @torch.no_grad()
    def forward(self, inputs: Inputs) -> Tensor:
        """Standard normal numbers, float32 [sets, tokens, fields]; 0 where there are none."""
        values, present = self.raw(inputs)
        columns = [
            _interpolate(values[..., i].contiguous(), self.knots[i], self.normal) for i in range(len(self.names))
        ]
        return torch.stack(columns, dim=-1).masked_fill(~present, 0.0)

    @torch.no_grad()
    def invert(self, normal: Tensor) -> Tensor:
        """Numbers in their units from standard normal ones [..., fields]."""
        normal = normal.float()
        columns = [
            _interpolate(normal[..., i].contiguous(), self.normal, self.knots[i]) for i in range(len(self.names))
        ]
        return torch.stack(columns, dim=-1)


def _interpolate(values: Tensor, knots: Tensor, levels: Tensor) -> Tensor:
    """The function that is linear between ``(knots, levels)`` and constant beyond."""
    upper = torch.searchsorted(knots, values, right=True).clamp(1, len(knots) - 1)
    low, high = knots[upper - 1], knots[upper]
    share = ((values - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)).clamp(0, 1)
    return torch.lerp(levels[upper - 1], levels[upper], share)
