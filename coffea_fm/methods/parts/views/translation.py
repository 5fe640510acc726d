"""Translation in the (eta, phi) plane."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from coffea_fm.methods.parts.views.base import BaseChange, change_tokens, set_of_token, wrap
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup


class Translation(BaseChange):
    """Move each jet, its axis with it, along the beam and around it.

    That is a boost along the beam and a turn around it, up to the masses: an exact symmetry. JetCLR (arXiv:2108.04253)
    moves the constituents against a fixed origin; here every network measures from the jet's axis, which is where jet
    finding put it and therefore moves along. What changes for the network are the energies.

    Parameters
    ----------
    width : float
        Largest shift in eta; the angle phi is turned by anything.
    """

    kind: Literal["translation"] = "translation"
    width: PositiveFloat = 1.0

    def __call__(self, packed: PackedSets, spec: InputSpec, random: np.random.Generator) -> PackedSets:  # noqa: D102
        shift_eta = random.uniform(-self.width, self.width, len(packed)).astype(np.float32)
        shift_phi = random.uniform(-np.pi, np.pi, len(packed)).astype(np.float32)
        jet = packed.jet.copy()
        jet[:, spec.jet_names.index("eta")] += shift_eta
        phi = spec.jet_names.index("phi")
        jet[:, phi] = wrap(jet[:, phi] + shift_phi)

        def moved(tokens: PackedTokens, group: TokenGroup) -> PackedTokens:
            sets = set_of_token(tokens)
            values = tokens.values.copy()
            values[:, group.names.index("eta")] += shift_eta[sets]
            phi = group.names.index("phi")
            values[:, phi] = wrap(values[:, phi] + shift_phi[sets])
            return PackedTokens(values, tokens.lengths, tokens.missing)

        return PackedSets(change_tokens(packed, spec, moved).groups, jet)
