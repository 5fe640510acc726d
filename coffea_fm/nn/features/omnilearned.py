"""The inputs of OmniLearned (arXiv:2510.24066) from the canonical fields."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.features.axis import JetFeatures
from coffea_fm.nn.features.constituents import ConstituentFeatures
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.kinematics import HIGHEST, STEEPEST, energy, log, wrap
from coffea_fm.tokens import Level

OmniFeatures = Literal["kinematic", "identified", "jetclass"]
CODES = (-211, -13, -11, 0, 11, 13, 22, 130, 211)
"""Particle codes in the order of their embedding vectors: sorted, with 0 for anything else."""
_SAME = {2212: 211, 321: 211, -2212: -211, -321: -211, 2112: 130, -2112: 130, 310: 130}
"""Codes of hadrons that a detector does not tell from others."""
TRACK = ("tanh_d0", "d0_error", "tanh_dz", "dz_error")


class OmniLearnedOutput(NamedTuple):
    """Inputs of OmniLearned; 0 for padding.

    Attributes
    ----------
    kinematics : Tensor, float32 [jets, tokens, 4]
        Δη and Δφ to the jet, ln pT, ln E.
    identity : Tensor, int64 [jets, tokens]
        Index in `CODES`.
    track : Tensor, float32 [jets, tokens, 4]
        tanh d0, its error, tanh dz, its error, of `TRACK`.
    mask : Tensor, bool [jets, tokens]
        True where there is a particle. OmniLearned's own code takes ln pT = 0 for padding, and so loses a particle of
        exactly 1 GeV.
    """

    kinematics: Tensor
    identity: Tensor
    track: Tensor
    mask: Tensor


class OmniLearnedFeatures(nn.Module):
    """Momenta relative to the jet, particle type and impact parameters.

    Parameters
    ----------
    level : Level
        The raw fields of the jets, with one group of tokens.
    kind : {"kinematic", "identified", "jetclass"}
        Momenta only, with the particle type, or with impact parameters as well. The mass is 0 without such a field.

    Raises
    ------
    RecipeError
        If a field is missing.
    """

    codes: Tensor

    def __init__(self, level: Level, kind: OmniFeatures) -> None:
        super().__init__()
        member = only_member(level)
        self.name, self.kind = member.name, kind
        self.of_jets = JetFeatures(level, f"features {kind!r}", with_mass=False)
        self.of_tokens = ConstituentFeatures(member, "jetclass" if kind == "jetclass" else "kinematic")
        if kind == "identified":
            self.of_tokens.columns.require(("pdgId",), f"features {kind!r}")
        self.register_buffer("codes", torch.tensor(CODES, dtype=torch.float32), persistent=False)

    def forward(self, inputs: Inputs) -> OmniLearnedOutput:
        """Compute the inputs of a batch, in single precision."""
        with torch.autocast(inputs.values.device.type, enabled=False):
            axis = self.of_jets.axis(inputs.values)
            members = inputs.members[self.name]
            empty = ~members.mask.unsqueeze(-1)
            tokens = members.values.masked_fill(empty, 0.0)
            columns = self.of_tokens.columns
            pt = columns.of(tokens, "pt").clamp(0.0, HIGHEST)
            eta = columns.of(tokens, "eta").clamp(-STEEPEST, STEEPEST)
            mass = columns.of(tokens, "mass").clamp(0.0, HIGHEST) if "mass" in columns else torch.zeros_like(pt)
            delta_phi = wrap(columns.of(tokens, "phi") - axis.phi)
            kinematics = torch.stack((eta - axis.eta, delta_phi, log(pt), log(energy(pt, eta, mass))), dim=-1)
            kinematics = kinematics.masked_fill(empty, 0.0)
            identity = torch.zeros_like(members.mask, dtype=torch.int64)
            track = kinematics[..., :0]
            if self.kind != "kinematic":
                identity = self._identity(columns.of(tokens, "pdgId"))
            if self.kind == "jetclass":
                more = self.of_tokens.more(tokens, members.missing)
                track = torch.stack([more[name] for name in TRACK], dim=-1).masked_fill(empty, 0.0)
            return OmniLearnedOutput(kinematics, identity, track, members.mask)

    def _identity(self, code: Tensor) -> Tensor:
        for other, same in _SAME.items():
            code = torch.where(code == other, float(same), code)
        known = code.unsqueeze(-1) == self.codes
        index = (known * torch.arange(len(CODES), device=code.device)).sum(dim=-1)
        return torch.where(known.any(dim=-1), index, CODES.index(0))
