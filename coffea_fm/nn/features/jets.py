"""Features of the jets of an event; like those of the tokens, they are part of every exported graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.features.axis import CLIP
from coffea_fm.nn.features.columns import Columns
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, Momenta, log, rapidity
from coffea_fm.tokens import Level

_OFFSETS = {"pt": 6.0, "mass": 4.5, "msoftdrop": 4.0, "pt_raw": 6.0, "mass_raw": 4.5}
"""Typical logarithm of each field in GeV."""
_PAIRS = ("pt", "eta", "phi", "mass")


class JetsOfEventFeatures(nn.Module):
    """log pT, η, φ relative to the leading jet, log m and log m_SD (arXiv:2401.13536), for the chosen fields.

    φ enters as cosine and sine: dijets are mostly back to back, where the angle would jump between π and -π.

    Parameters
    ----------
    level : Level
        The fields of the jets and their order.
    fields : tuple of str
        Fields to use.

    Raises
    ------
    RecipeError
        If a field is missing, or φ is used without the pT that defines the leading jet.
    """

    def __init__(self, level: Level, fields: tuple[str, ...]) -> None:
        super().__init__()
        self.columns = Columns(level)
        self.fields = fields
        self.columns.require(fields, "event heads")
        if "phi" in fields and "pt" not in fields:
            raise RecipeError(f"phi of {level.name} is measured relative to the leading one: add pt to the fields")

    @property
    def n_features(self) -> int:
        """Number of inputs per jet."""
        return len(self.fields) + ("phi" in self.fields)

    def forward(self, jets: Tensor, mask: Tensor) -> Tensor:
        """Inputs of each jet.

        Parameters
        ----------
        jets : Tensor, float32 [events, jets, fields]
        mask : Tensor, bool [events, jets]

        Returns
        -------
        Tensor, float32 [events, jets, n_features]
            Of order one, clipped to ±5; 0 for padding.
        """
        if not self.fields:
            return jets[..., :0]
        with torch.autocast(jets.device.type, enabled=False):
            jets = jets.masked_fill(~mask.unsqueeze(-1), 0.0)
            features = []
            for name in self.fields:
                values = self.columns.of(jets, name)
                if name == "phi":
                    delta = values - self._of_hardest(jets, mask, values)
                    features += [torch.cos(delta), torch.sin(delta)]
                elif name == "eta":
                    features.append(values)
                else:
                    features.append(log(values.clamp(1.0, HIGHEST)) - _OFFSETS[name])
            stacked = torch.stack(features, dim=-1).clamp(-CLIP, CLIP)
            return stacked.masked_fill(~mask.unsqueeze(-1), 0.0)

    def momenta(self, jets: Tensor) -> Momenta:
        """Four-momenta of the jets, for the pair features; 0 for padding that is 0.

        Raises
        ------
        RecipeError
            If one of pt, eta, phi, mass is not among the fields.
        """
        absent = [name for name in _PAIRS if name not in self.fields]
        if absent:
            raise RecipeError(f"features of pairs of jets need their {', '.join(absent)}: add them to the fields")
        pt, eta, phi, mass = (self.columns.of(jets, name) for name in _PAIRS)
        pt, mass, eta = pt.clamp(0.0, HIGHEST), mass.clamp(0.0, HIGHEST), eta.clamp(-STEEPEST, STEEPEST)
        return Momenta(pt, rapidity(pt, eta, mass), phi, mass)

    def _of_hardest(self, jets: Tensor, mask: Tensor, values: Tensor) -> Tensor:
        hardest = self.columns.of(jets, "pt").masked_fill(~mask, -1.0).argmax(dim=1, keepdim=True)
        return values.gather(1, hardest)
