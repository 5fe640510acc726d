"""Four-momenta and inputs of constituents in the frame of their jet, invariant under boosts along the beam."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.features.axis import CLIP
from coffea_fm.nn.features.columns import Columns
from coffea_fm.nn.features.constituents import ConstituentFeatures
from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.kinematics import LOWEST, STEEPEST, log, rapidity, wrap
from coffea_fm.tokens import Level

_LIGHTEST = 5e-3
"""Masses are at least this, in GeV, so that no invariant of two collinear momenta vanishes."""
_HARDEST = 1e4
"""Transverse momenta are clipped here, in GeV."""
_WIDEST = 5.0
"""Rapidities relative to the jet are clipped to plus or minus this."""
_SCALES = ((1.7, 0.7), (2.0, 0.7), (-4.7, 0.7), (-4.7, 0.7), (0.0, 1.0), (0.0, 1.0), (0.2, 4.0))
"""Offset and factor of ln pT, ln E, ln pT/pT_jet, ln E/E_jet, Δφ, Δy, ΔR, as in the Particle Transformer."""
_MORE = ("charge", "is_charged_hadron", "is_neutral_hadron", "is_photon", "is_electron", "is_muon")
_TRACK = ("tanh_d0", "d0_error", "tanh_dz", "dz_error")


class JetFrameOutput(NamedTuple):
    """Inputs of a Lorentz-equivariant network.

    Attributes
    ----------
    momenta : Tensor, float32 [jets, tokens, 4]
        E, px, py, pz in GeV; 0 for padding.
    scalars : Tensor, float32 [jets, tokens, n_scalars]
        Of order one, clipped to ±5; 0 for padding.
    mask : Tensor, bool [jets, tokens]
    mass : Tensor, float32 [jets, tokens]
        In GeV; 0 for padding. In single precision, the momenta of fast particles do not contain it.
    """

    momenta: Tensor
    scalars: Tensor
    mask: Tensor
    mass: Tensor

    def exact_momenta(self) -> Tensor:
        """The momenta in double precision, with energies computed from the masses."""
        space = self.momenta[..., 1:].double()
        energy = torch.sqrt(space.square().sum(dim=-1, keepdim=True) + self.mass.double().square().unsqueeze(-1))
        return torch.cat((energy, space), dim=-1)


class JetFrame(nn.Module):
    """Constituents in the frame where the sum of them has rapidity 0 and azimuth 0.

    A boost along the beam and a rotation about it move this frame with the jet, so everything computed in it is
    invariant. Energies and Δη in the laboratory are not. The momenta are computed from differences of rapidities, so
    single precision is enough.

    Parameters
    ----------
    level : Level
        The raw fields of the jets, with one group of tokens.
    kind : {"full", "jetclass", "kinematic"}
        ``kinematic``: seven numbers from the momentum. The other two add charge, particle type and impact parameters.

    Raises
    ------
    RecipeError
        If a field is missing.
    """

    offset: Tensor
    factor: Tensor

    def __init__(self, level: Level, kind: FeatureKind) -> None:
        super().__init__()
        self.name = only_member(level).name
        self.of_jets = Columns(level)
        self.of_jets.require(("phi",), "Lorentz-equivariant networks")
        self.of_tokens = ConstituentFeatures(only_member(level), "kinematic" if kind == "kinematic" else "jetclass")
        self.has_mass = "mass" in self.of_tokens.columns
        self.names = () if kind == "kinematic" else (*_MORE, *_TRACK)
        scales = torch.tensor(_SCALES)
        self.register_buffer("offset", scales[:, 0].clone(), persistent=False)
        self.register_buffer("factor", scales[:, 1].clone(), persistent=False)

    @property
    def n_scalars(self) -> int:
        """Number of scalar inputs per token."""
        return len(_SCALES) + len(self.names)

    @property
    def n_kinematic(self) -> int:
        """Number of scalar inputs, the first ones, that change if the jet is boosted across the beam."""
        return len(_SCALES)

    def forward(self, inputs: Inputs) -> JetFrameOutput:
        """Compute the inputs of a batch, in single precision."""
        with torch.autocast(inputs.values.device.type, enabled=False):
            members = inputs.members[self.name]
            empty = ~members.mask.unsqueeze(-1)
            tokens = members.values.masked_fill(empty, 0.0)
            columns = self.of_tokens.columns
            pt = columns.of(tokens, "pt").clamp(0.0, _HARDEST)
            eta = columns.of(tokens, "eta").clamp(-STEEPEST, STEEPEST)
            mass = columns.of(tokens, "mass").clamp(0.0, _HARDEST) if self.has_mass else torch.zeros_like(pt)
            mass = mass.clamp(min=_LIGHTEST)
            transverse_mass = torch.sqrt(pt.square() + mass.square()) * members.mask
            y = rapidity(pt, eta, mass)
            delta_y = (y - _rapidity_of_sum(transverse_mass, y)).clamp(-_WIDEST, _WIDEST)
            # Only an origin: the azimuth of the jet cancels.
            delta_phi = wrap(columns.of(tokens, "phi") - self.of_jets.of(inputs.values, "phi").unsqueeze(1))
            delta_phi = wrap(delta_phi - _azimuth_of_sum(pt, delta_phi))
            energy = transverse_mass * torch.cosh(delta_y)
            px, py = pt * torch.cos(delta_phi), pt * torch.sin(delta_phi)
            momenta = torch.stack((energy, px, py, transverse_mass * torch.sinh(delta_y)), dim=-1)
            total = momenta.sum(dim=1, keepdim=True)
            jet_pt = torch.sqrt(total[..., 1].square() + total[..., 2].square())
            log_pt, log_energy = log(pt), log(energy)
            delta_r = torch.sqrt(delta_y.square() + delta_phi.square())
            relative_pt, relative_energy = log_pt - log(jet_pt), log_energy - log(total[..., 0])
            columns_of = (log_pt, log_energy, relative_pt, relative_energy, delta_phi, delta_y, delta_r)
            scalars = (torch.stack(columns_of, dim=-1) - self.offset) * self.factor
            if self.names:
                more = self.of_tokens.more(tokens, members.missing)
                scalars = torch.cat((scalars, torch.stack([more[name] for name in self.names], dim=-1)), dim=-1)
            scalars = scalars.clamp(-CLIP, CLIP).masked_fill(empty, 0.0)
            return JetFrameOutput(momenta, scalars, members.mask, mass * members.mask)


def _rapidity_of_sum(transverse_mass: Tensor, y: Tensor) -> Tensor:
    """Rapidity of the sum of all tokens, [jets, 1]; sums along the light cone do not cancel."""
    plus = (transverse_mass * torch.exp(y)).sum(dim=1, keepdim=True).clamp(min=LOWEST)
    minus = (transverse_mass * torch.exp(-y)).sum(dim=1, keepdim=True).clamp(min=LOWEST)
    return 0.5 * torch.log(plus / minus)


def _azimuth_of_sum(pt: Tensor, phi: Tensor) -> Tensor:
    """Azimuth of the sum of all tokens, [jets, 1], for angles near 0; 0 if there are none. ONNX has no atan2."""
    px = (pt * torch.cos(phi)).sum(dim=1, keepdim=True)
    py = (pt * torch.sin(phi)).sum(dim=1, keepdim=True)
    return 2 * torch.atan(py / (px + torch.sqrt(px.square() + py.square())).clamp(min=LOWEST))
