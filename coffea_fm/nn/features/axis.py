"""The jet momentum: the reference of the constituent features, and the source of the jet's own features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.features.columns import Columns
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, energy, log
from coffea_fm.tokens import Level

CLIP = 5.0
"""Features are clipped to ±5: a badly measured or unphysical value must not dominate a batch, and outliers of data that
are absent in simulation stay in the range seen in training."""


class Axis(NamedTuple):
    """Momenta of the jets of a batch; each attribute is a Tensor [jets, 1].

    Attributes
    ----------
    pt, mass : Tensor
        In GeV; the mass is 0 if the model does not use it.
    eta, phi : Tensor
    """

    pt: Tensor
    eta: Tensor
    phi: Tensor
    mass: Tensor

    def energy(self) -> Tensor:
        """Energy in GeV, [jets, 1]."""
        return energy(self.pt.clamp(0.0, HIGHEST), self.eta, self.mass)


class JetFeatures(nn.Module):
    """Momentum of each jet: the uncorrected one if available, because the constituents add up to that.

    Parameters
    ----------
    level : Level
        The fields of the jets.
    reader : str
        Who needs the fields, for error messages.
    with_mass : bool
        Whether the mass is used.

    Raises
    ------
    RecipeError
        If a field is missing.
    """

    def __init__(self, level: Level, reader: str, *, with_mass: bool) -> None:
        super().__init__()
        self.columns = Columns(level)
        self.with_mass = with_mass
        self.pt, self.mass = (f"{name}_raw" if f"{name}_raw" in self.columns else name for name in ("pt", "mass"))
        self.columns.require((self.pt, "eta", "phi", *((self.mass,) if with_mass else ())), reader)

    @property
    def n_features(self) -> int:
        """Number of inputs per jet."""
        return 2 if self.with_mass else 1

    def axis(self, values: Tensor) -> Axis:
        """Momenta from the raw fields [jets, fields]."""
        pt, eta, phi = (self.columns.of(values, name).unsqueeze(1) for name in (self.pt, "eta", "phi"))
        mass = self.columns.of(values, self.mass).unsqueeze(1) if self.with_mass else torch.zeros_like(pt)
        return Axis(pt, eta.clamp(-STEEPEST, STEEPEST), phi, mass)

    def forward(self, axis: Axis) -> Tensor:
        """Inputs of each jet, of order one, clipped to ±5: [jets, n_features]."""
        features = [log(axis.pt) - 6.4]
        if self.with_mass:
            features.append(log(axis.mass.clamp(min=1.0)) - 4.5)
        return torch.cat(features, dim=-1).clamp(-CLIP, CLIP)
