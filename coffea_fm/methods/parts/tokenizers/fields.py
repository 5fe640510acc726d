"""The continuous fields of a particle on a common scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.tokenizers.sample import sample_jets
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.kinematics import wrap
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, pad
from coffea_fm.tokens.fields import CONSTITUENT_FIELDS

FieldName = Literal[
    "pt", "log_pt", "eta", "phi", "d0", "d0_error", "dz", "dz_error", "d0_significance", "dz_significance"
]
PUBLISHED_FIELDS: tuple[FieldName, ...] = ("pt", "eta", "phi", "d0", "d0_error", "dz", "dz_error")
DEFAULT_FIELDS: tuple[FieldName, ...] = ("pt", "eta", "phi", "d0_significance", "dz_significance")
QUANTILES = 512
FITTED_JETS = 4096
LARGEST = 3.0
_SOFTEST = 1e-3
"""Smallest pT in GeV of which there is a logarithm."""


class ParticleFields(nn.Module):
    """Transform fields of particles to a common scale, and back.

    Each field is mapped to a standard normal distribution by its quantiles, as in MPM v2 (arXiv:2409.12589). The
    significances of impact parameters, ``sign(d) log(1 + |d| / error)``, are only shifted and scaled by their median
    and central 68% interval, because a quantile transform would compress the tails, which identify heavy flavour. So is
    ``log_pt``, which resolves the hardest particles, and thereby the momentum of the jet, better than ``pt`` does.
    ``eta`` and ``phi`` are relative to the jet, with the same sign as in the network features. Missing values, such as
    the impact parameters of neutral particles, are 0.

    Parameters
    ----------
    level : Level
    names : tuple of str
        Fields to transform.

    Raises
    ------
    RecipeError
        If one of them, or the jet axis, is missing from the inputs.
    """

    knots: Tensor
    levels: Tensor

    def __init__(self, level: Level, names: tuple[FieldName, ...]) -> None:
        super().__init__()
        group = only_member(level)
        self._needed = {name: _needed(name) for name in names}
        needed = dict.fromkeys(column for columns in self._needed.values() for column in columns)
        absent = [column for column in needed if column not in group.names]
        absent += [f"jet.{name}" for name in ("eta", "phi") if name not in level.names]
        if absent:
            raise RecipeError(f"targets need the fields {', '.join(absent)}: add them to the inputs, or choose others")
        self.names = names
        self._level = level
        self._columns = {name: index for index, name in enumerate(group.names)}
        self._missing = {name: index for index, name in enumerate(group.missing_names)}
        self._axis = [level.names.index(name) for name in ("eta", "phi")]
        normal = torch.special.ndtri(torch.linspace(0, 1, QUANTILES, dtype=torch.float64)).clamp(-LARGEST, LARGEST)
        self.register_buffer("knots", torch.zeros(len(names), QUANTILES))
        self.register_buffer("levels", normal.float().repeat(len(names), 1))

    def raw(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Unscaled values [jets, tokens, fields], and where they exist (bool, same shape)."""
        columns, present = [], []
        for name, needed in self._needed.items():
            exists = inputs.tokens.mask
            for column in needed:
                if column in self._missing:
                    exists = exists & ~inputs.tokens.missing[..., self._missing[column]]
            present.append(exists)
            columns.append(self._number(name, needed, inputs))
        return torch.stack(columns, dim=-1), torch.stack(present, dim=-1)

    def _number(self, name: FieldName, needed: tuple[str, ...], inputs: Inputs) -> Tensor:
        values = [inputs.tokens.values[..., self._columns[column]] for column in needed]
        eta_axis, phi_axis = (inputs.values[:, column].unsqueeze(1) for column in self._axis)
        if name == "eta":
            return (values[0] - eta_axis) * torch.where(eta_axis < 0, -1.0, 1.0)
        if name == "phi":
            return wrap(values[0] - phi_axis)
        if name == "log_pt":
            return values[0].clamp(min=_SOFTEST).log()
        if len(values) == 2:
            return torch.sign(values[0]) * torch.log1p(values[0].abs() / values[1].clamp(min=1e-4))
        return values[0]

    @torch.no_grad()
    def fit(self, data: ShardDataset) -> None:
        """Compute the quantiles from a sample of the training jets."""
        values, present = self.raw(Inputs.from_arrays(pad(sample_jets(data, FITTED_JETS), self._level), self._level))
        for index, name in enumerate(self.names):
            known = values[..., index][present[..., index]].numpy()
            if len(known) == 0:
                raise RecipeError(f"no particle of {data.folder} has {name}: remove it from the targets")
            self.knots[index] = torch.from_numpy(np.quantile(known, np.linspace(0, 1, QUANTILES))).float()
            if name.endswith("significance") or name == "log_pt":
                low, middle, high = np.quantile(known, [0.16, 0.5, 0.84])
                self.levels[index] = (self.knots[index] - middle) * (2 / (high - low))

    @torch.no_grad()
    def forward(self, inputs: Inputs) -> Tensor:
        """Scaled values, float32 [jets, tokens, fields]; 0 where missing."""
        values, present = self.raw(inputs)
        return _interpolate(values, self.knots, self.levels).masked_fill(~present, 0.0)

    @torch.no_grad()
    def invert(self, scaled: Tensor) -> Tensor:
        """Convert scaled values [..., fields] back to their units."""
        return _interpolate(scaled.float(), self.levels, self.knots)


def unit_of(name: str) -> str:
    """Unit of a field."""
    return CONSTITUENT_FIELDS[name].unit if name in CONSTITUENT_FIELDS else "1"


def _needed(name: FieldName) -> tuple[str, ...]:
    if name == "log_pt":
        return ("pt",)
    parameter = name.removesuffix("_significance")
    return (name,) if parameter == name else (parameter, f"{parameter}_error")


def _interpolate(values: Tensor, knots: Tensor, levels: Tensor) -> Tensor:
    """Interpolate each field (the last axis) linearly between its knots; constant beyond them."""
    columns = []
    for value, knot, level in zip(values.unbind(dim=-1), knots, levels, strict=True):
        upper = torch.searchsorted(knot, value.contiguous(), right=True).clamp(1, len(knot) - 1)
        low, high = knot[upper - 1], knot[upper]
        share = ((value - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)).clamp(0, 1)
        columns.append(torch.lerp(level[upper - 1], level[upper], share))
    return torch.stack(columns, dim=-1)
