"""Network inputs from the raw fields of jets and all their groups of tokens; part of every exported graph."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.features.axis import JetFeatures
from coffea_fm.nn.features.constituents import ConstituentFeatures
from coffea_fm.nn.features.group import FeatureKind, GroupFeatures, GroupOutput
from coffea_fm.nn.features.vertices import VertexFeatures
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.kinematics import Momenta
from coffea_fm.tokens import Level

GROUPS: dict[str, type[ConstituentFeatures | VertexFeatures]] = {
    "constituents": ConstituentFeatures,
    "vertices": VertexFeatures,
}
"""Features of each group of tokens, by the name of its level. A new group needs one line here."""


class FeatureOutput(NamedTuple):
    """Network inputs of a batch.

    Attributes
    ----------
    tokens : dict of str to Tensor, float32 [things, tokens, n_features]
        By group; of order one, clipped to ±5, 0 for padding.
    jet : Tensor, float32 [things, n_features]
        Of order one, clipped to ±5.
    momenta : Momenta, each [things, all tokens]
        For the pair features, groups concatenated; φ is relative to the jet.
    mask : Tensor, bool [things, all tokens]
        True where there is a token.
    """

    tokens: dict[str, Tensor]
    jet: Tensor
    momenta: Momenta
    mask: Tensor


class Features(nn.Module):
    """Features of jets and their groups of tokens, always computed in single precision.

    Parameters
    ----------
    level : Level
        The raw fields and their order; its members are tokens.
    kind : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        See `ConstituentFeatures`.

    Raises
    ------
    RecipeError
        If there are no tokens, a group has no features, or a field that this kind needs is missing.
    """

    def __init__(self, level: Level, kind: FeatureKind = "full") -> None:
        super().__init__()
        if not level.members:
            raise RecipeError(f"{level.name} has no members: a backbone needs a group of tokens")
        for member in level.members:
            if member.name not in GROUPS:
                raise RecipeError(f"there are no features for {member.name}, only for {', '.join(GROUPS)}")
        self.kind = kind
        self.level = level
        self.jet = JetFeatures(level, f"features {kind!r}", with_mass=kind != "kinematic")
        self.groups = nn.ModuleDict({member.name: GROUPS[member.name](member, kind) for member in level.members})

    @property
    def n_features(self) -> dict[str, int]:
        """Number of inputs per token, by group."""
        return {name: group.n_features for name, group in self.groups.items() if isinstance(group, GroupFeatures)}

    @property
    def n_jet_features(self) -> int:
        """Number of inputs per jet."""
        return self.jet.n_features

    def forward(self, inputs: Inputs) -> FeatureOutput:
        """Compute the inputs of a batch."""
        with torch.autocast(inputs.values.device.type, enabled=False):
            axis = self.jet.axis(inputs.values)
            groups: dict[str, GroupOutput] = {
                name: group(inputs.members[name], axis) for name, group in self.groups.items()
            }
            momenta = Momenta(*map(joined, zip(*(group.momenta for group in groups.values()), strict=True)))
            tokens = {name: group.tokens for name, group in groups.items()}
            mask = joined([inputs.members[name].mask for name in groups])
            return FeatureOutput(tokens, self.jet(axis), momenta, mask)


def joined(parts: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Concatenate the tokens of several groups, [things, all tokens, ...]; a no-op for a single group."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
