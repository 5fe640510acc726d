"""Raw fields of the jets of an event to inputs of its head; part of every exported graph, as those of tokens are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, Momenta, log, rapidity
from coffea_fm.tokens import Collection

_CLIP = 5.0
_OFFSETS = {"pt": 6.0, "mass": 4.5, "msoftdrop": 4.0}
"""Usual logarithms of the fields in GeV."""
_PAIRS = ("pt", "eta", "phi", "mass")


class EventFeatures(nn.Module):
    """log pT, η, φ relative to the hardest jet, log m and log m_SD (arXiv:2401.13536), of those fields that there are.

    φ enters as cosine and sine: two jets are mostly back to back, where an angle would jump.

    Parameters
    ----------
    collection : Collection
        The fields of the jets and their order.

    Raises
    ------
    RecipeError
        If there is φ without the pT that tells the hardest jet.
    """

    def __init__(self, collection: Collection) -> None:
        super().__init__()
        self.columns = {name: index for index, name in enumerate(collection.names)}
        if "phi" in self.columns and "pt" not in self.columns:
            raise RecipeError(f"phi of {collection.name} is read relative to the hardest of them: add pt to the fields")

    @property
    def n_features(self) -> int:
        """Number of inputs of a jet."""
        return len(self.columns) + ("phi" in self.columns)

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
        if not self.columns:
            return jets
        with torch.autocast(jets.device.type, enabled=False):
            jets = jets.masked_fill(~mask.unsqueeze(-1), 0.0)
            features = []
            for name in self.columns:
                values = self._field(jets, name)
                if name == "phi":
                    delta = values - self._of_hardest(jets, mask, values)
                    features += [torch.cos(delta), torch.sin(delta)]
                elif name == "eta":
                    features.append(values)
                else:
                    features.append(log(values.clamp(1.0, HIGHEST)) - _OFFSETS[name])
            stacked = torch.stack(features, dim=-1).clamp(-_CLIP, _CLIP)
            return stacked.masked_fill(~mask.unsqueeze(-1), 0.0)

    def momenta(self, jets: Tensor) -> Momenta:
        """Four-momenta of the jets, for features of their pairs; 0 for padding that is 0.

        Raises
        ------
        RecipeError
            If one of pt, eta, phi, mass is not among the fields.
        """
        lacking = [name for name in _PAIRS if name not in self.columns]
        if lacking:
            raise RecipeError(f"features of pairs of jets need their {', '.join(lacking)}: add them to the fields")
        pt, eta, phi, mass = (self._field(jets, name) for name in _PAIRS)
        pt, mass, eta = pt.clamp(0.0, HIGHEST), mass.clamp(0.0, HIGHEST), eta.clamp(-STEEPEST, STEEPEST)
        return Momenta(pt, rapidity(pt, eta, mass), phi, mass)

    def _of_hardest(self, jets: Tensor, mask: Tensor, values: Tensor) -> Tensor:
        hardest = self._field(jets, "pt").masked_fill(~mask, -1.0).argmax(dim=1, keepdim=True)
        return values.gather(1, hardest)

    def _field(self, jets: Tensor, name: str) -> Tensor:
        return jets[..., self.columns[name]]
