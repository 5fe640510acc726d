"""Base class of the features of a group of tokens: raw fields in, network inputs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.features.axis import CLIP, Axis
from coffea_fm.nn.features.columns import Columns
from coffea_fm.nn.inputs import Members
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, Momenta, energy, log, rapidity, wrap
from coffea_fm.tokens import Level

FeatureKind = Literal["full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"]
Scales = Mapping[str, tuple[float, float]]
"""Names of the inputs, each with the offset to subtract and the factor to multiply by afterwards."""

KINEMATIC: Scales = {
    "log_pt": (1.7, 0.7),
    "log_relative_pt": (-4.7, 0.7),
    "delta_r": (0.2, 4.0),
    "scaled_delta_eta": (0.0, 4.0),
    "scaled_delta_phi": (0.0, 4.0),
}


class GroupOutput(NamedTuple):
    """Network inputs of one group of tokens.

    Attributes
    ----------
    tokens : Tensor, float32 [things, tokens, n_features]
        Of order one, clipped to ±5; 0 for padding.
    momenta : Momenta, each [things, tokens]
        For the pair features; φ is relative to the jet.
    """

    tokens: Tensor
    momenta: Momenta


class GroupFeatures(nn.Module):
    """Features of one group of tokens, always computed in single precision.

    A subclass names its inputs and computes the non-kinematic ones.

    Parameters
    ----------
    level : Level
        The raw fields of the tokens.
    scales : mapping
        The inputs, in order.
    with_mass : bool
        Whether the mass of the tokens is used.
    """

    offset: Tensor
    factor: Tensor

    def __init__(self, level: Level, scales: Scales, *, with_mass: bool) -> None:
        super().__init__()
        self.columns = Columns(level)
        self.names = tuple(scales)
        self.with_mass = with_mass
        numbers = torch.tensor(list(scales.values()))
        self.register_buffer("offset", numbers[:, 0].clone(), persistent=False)
        self.register_buffer("factor", numbers[:, 1].clone(), persistent=False)

    @property
    def n_features(self) -> int:
        """Number of inputs per token."""
        return len(self.names)

    def more(self, tokens: Tensor, missing: Tensor) -> dict[str, Tensor]:
        """Compute the non-kinematic inputs by name, each [things, tokens]."""
        raise NotImplementedError

    def forward(self, members: Members, axis: Axis) -> GroupOutput:
        """Compute the inputs of a batch."""
        tokens = members.values.masked_fill(~members.mask.unsqueeze(-1), 0.0)
        pt = self.columns.of(tokens, "pt").clamp(0.0, HIGHEST)
        eta = self.columns.of(tokens, "eta").clamp(-STEEPEST, STEEPEST)
        mass = self.columns.of(tokens, "mass").clamp(0.0, HIGHEST) if self.with_mass else torch.zeros_like(pt)
        delta_eta = (eta - axis.eta) * torch.where(axis.eta < 0, -1.0, 1.0)
        delta_phi = wrap(self.columns.of(tokens, "phi") - axis.phi)
        log_pt = log(pt)
        inputs = {
            "log_pt": log_pt,
            "log_relative_pt": log_pt - log(axis.pt),
            "delta_r": torch.sqrt(delta_eta.square() + delta_phi.square()),
            "delta_eta": delta_eta,
            "delta_phi": delta_phi,
            "scaled_delta_eta": delta_eta,
            "scaled_delta_phi": delta_phi,
        }
        if "log_energy" in self.names:
            log_energy = log(energy(pt, eta, mass))
            inputs |= {"log_energy": log_energy, "log_relative_energy": log_energy - log(axis.energy())}
        inputs |= self.more(tokens, members.missing)
        stacked = torch.stack([inputs[name] for name in self.names], dim=-1)
        scaled = ((stacked - self.offset) * self.factor).clamp(-CLIP, CLIP)
        momenta = Momenta(pt, rapidity(pt, eta, mass), delta_phi, mass)
        return GroupOutput(scaled.masked_fill(~members.mask.unsqueeze(-1), 0.0), momenta)
