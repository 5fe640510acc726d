"""Particles, beams and time axis of a jet as four-vectors in double precision, for Lorentz-equivariant networks."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.features.jet_frame import JetFrame
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import Level

Symmetry = Literal["beam", "lorentz"]
"""``beam``: boosts along the beam and rotations about it. ``lorentz``: all boosts and rotations."""
UNIT = 20.0
"""Momenta are in units of this, in GeV."""
REFERENCES = ((1.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, -1.0), (1.0, 0.0, 0.0, 0.0))
"""Both beams and the time axis: they break the symmetry of the network to that of a collider."""

METRIC = (1.0, -1.0, -1.0, -1.0)


class FourVectors(NamedTuple):
    """Inputs of a Lorentz-equivariant network.

    Attributes
    ----------
    particles : Tensor, float64 [jets, tokens, 4]
        E, px, py, pz in units of 20 GeV; 0 for padding.
    references : Tensor, float64 [jets, references, 4]
        Fixed vectors; none for the full symmetry.
    scalars : Tensor, float32 [jets, tokens, n_scalars]
        Numbers that do not change under the symmetry; 0 for padding.
    mask : Tensor, bool [jets, tokens]
    """

    particles: Tensor
    references: Tensor
    scalars: Tensor
    mask: Tensor

    def without(self, hidden: Tensor) -> FourVectors:
        """Remove what is known of the hidden particles, bool [jets, tokens]; their slots stay."""
        gone = hidden.unsqueeze(-1)
        return self._replace(
            particles=self.particles.masked_fill(gone, 0.0), scalars=self.scalars.masked_fill(gone, 0.0)
        )


class MinkowskiFeatures(nn.Module):
    """Four-vectors and scalars from the raw fields of jets.

    Parameters
    ----------
    level : Level
        The raw fields of the jets, with one group of tokens.
    kind : {"full", "jetclass", "kinematic"}
        See `JetFrame`.
    symmetry : {"beam", "lorentz"}
        For ``beam``, the references are fixed in the frame of the jet (see `JetFrame`), whose seven kinematic scalars
        are read as well. For ``lorentz``, there are neither; charge, particle type and impact parameters count as
        scalars.
    """

    references: Tensor

    def __init__(self, level: Level, kind: FeatureKind, symmetry: Symmetry) -> None:
        super().__init__()
        self.frame = JetFrame(level, kind)
        self.first = 0 if symmetry == "beam" else self.frame.n_kinematic
        references = torch.tensor(REFERENCES if symmetry == "beam" else (), dtype=torch.float64).view(-1, 4)
        self.register_buffer("references", references, persistent=False)

    @property
    def n_scalars(self) -> int:
        """Number of scalars per token."""
        return self.frame.n_scalars - self.first

    def forward(self, inputs: Inputs) -> FourVectors:
        """Compute the inputs of a batch."""
        found = self.frame(inputs)
        references = self.references.expand(found.mask.shape[0], -1, -1)
        return FourVectors(found.exact_momenta() / UNIT, references, found.scalars[..., self.first :], found.mask)


def inner(left: Tensor, right: Tensor) -> Tensor:
    """Minkowski products of all pairs: [..., n, 4] and [..., m, 4] to [..., n, m]."""
    return left @ (right * right.new_tensor(METRIC)).transpose(-1, -2)
