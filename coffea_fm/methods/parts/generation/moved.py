"""Jets whose particles were given new momenta, with all else that is known of them."""

from __future__ import annotations

import torch
from torch import Tensor

from coffea_fm.methods.parts.generation.decoding import JET, as_packed
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.kinematics import wrap
from coffea_fm.tokens import Level, Packed, jet_level, token_level

_MOMENTUM = ("pt", "eta", "phi", "mass")
_HARDEST = 9.0
"""Largest ln pT/GeV of a particle."""


def moved_level(level: Level, *, types: bool) -> Level:
    """Momenta, and the other fields of the particles if they are kept."""
    group = only_member(level)
    more = tuple(name for name in group.names if types and name not in _MOMENTUM)
    tokens = token_level(group.name, (*_MOMENTUM, *more), order=group.order, minimum=1, maximum=group.maximum)
    return jet_level((tokens,), JET)


def moved_jets(jets: Inputs, level: Level, kinematics: Tensor, moved: Level) -> Packed:
    """Jets with new momenta.

    The mass of a particle is kept, if types are and the inputs have it, and 0 otherwise. ln E is not used: with pT and Δη it
    would tell the pseudorapidity of the jet, which is given.

    Parameters
    ----------
    jets : Inputs
        They give the axes, the number of particles, and the fields that are kept.
    level : Level
        Describes them.
    kinematics : Tensor [jets, tokens, 4]
        Δη and Δφ to the axis, ln pT, ln E.
    moved : Level
        From `moved_level`.
    """
    names, kept = only_member(level).names, only_member(moved).names
    given = dict(zip(names, jets.tokens.values.unbind(dim=-1), strict=True))
    delta_eta, delta_phi, log_pt, _ = kinematics.unbind(dim=-1)
    eta, phi = (jets.values[:, [level.names.index(name)]] for name in ("eta", "phi"))
    columns = {name: given[name] for name in kept if name not in _MOMENTUM}
    with_mass = len(columns) > 0 and "mass" in given
    columns["pt"], columns["eta"] = torch.exp(log_pt.clamp(max=_HARDEST)), eta + delta_eta
    columns["phi"] = wrap(phi + delta_phi)
    columns["mass"] = given["mass"] if with_mass else torch.zeros_like(log_pt)
    missing = jets.tokens.missing if only_member(moved).missing_names else None
    return as_packed(columns, jets.tokens.mask, moved, missing)
