"""Jet corrections with uncertainties, read with correctionlib.

Jet corrections are named after the jet collection: ``FatJet_energy``, ``FatJet_energy_uncertainty``,
``FatJet_resolution_smearing``, ``FatJet_softdrop_mass``. Scale factors are named after the checksum of the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.errors import RecipeError
from coffea_fm.inference.corrections.file import CorrectionFile, name_of
from coffea_fm.inference.tagger import Tagger

_EVENTS = 2**20  # so that a float64 represents the event number exactly


class Corrections(CorrectionFile):
    """A file of jet corrections, and perhaps of scale factors, which `Tagger.scale_factors` reads."""

    def energy(self, collection: str, jets: ak.Array) -> ak.Array:
        """Factor on the stored momenta of jets, in their layout."""
        return self._of_jets(f"{collection}_energy", jets, abs(jets.eta), jets.pt)

    def energy_uncertainty(self, collection: str, jets: ak.Array) -> ak.Array:
        """Relative uncertainty of the energy of jets."""
        return self._of_jets(f"{collection}_energy_uncertainty", jets, abs(jets.eta), jets.pt)

    def smearing(self, collection: str, jets: ak.Array, events: ak.Array) -> ak.Array:
        """Factor on the momenta of jets that degrades their resolution by its uncertainty.

        A jet is smeared in the same way in every run: the random number is a hash of its stored values.
        """
        number = ak.broadcast_arrays(events.event % _EVENTS, jets.pt)[0]
        random = self._of_jets("random", jets, number, jets.eta, jets.phi)
        width = self._of_jets(f"{collection}_resolution_smearing", jets, abs(jets.eta), jets.pt)
        return 1 + width * random

    def mass(self, collection: str, jets: ak.Array, systematic: str) -> ak.Array:
        """Factor on the soft-drop mass; `systematic` is nominal, up or down."""
        return self._of_jets(f"{collection}_softdrop_mass", jets, systematic, jets.pt)

    def require(self, tagger: Tagger) -> None:
        """Refuse a bundle without scale factors.

        Raises
        ------
        RecipeError
            If there are none for the bundle's checksum.
        """
        if name_of("scale_factor", tagger.checksum) not in self.described:
            raise RecipeError(
                f"the corrections {self.source} have no scale factors for the bundle {tagger.manifest.name!r} "
                f"({tagger.checksum[:12]}), which was changed or never calibrated: derive "
                "them again, or go on without them with the option uncalibrated=true"
            )

    def require_cuts(self, tagger: Tagger, cuts: Sequence[float]) -> None:
        """Refuse cuts on the discriminant for which the scale factors were not derived.

        Raises
        ------
        RecipeError
            If a cut is not a bin edge of the scale factors.
        """
        edges = self.edges(name_of("scale_factor", tagger.checksum), "discriminant")
        if edges and not set(edges).issuperset(cuts):
            raise RecipeError(
                f"the scale factors of the bundle {tagger.manifest.name!r} in {self.source} belong to the cuts "
                f"{', '.join(map(str, edges[1:-1]))}, not to {', '.join(map(str, cuts))}: derive "
                "them again, or go on without them with the option uncalibrated=true"
            )

    def _of_jets(self, name: str, jets: ak.Array, *inputs: Any) -> ak.Array:
        counts = ak.num(jets)
        flat: Sequence[Any] = [
            value if isinstance(value, str) else ak.to_numpy(ak.flatten(value)).astype(np.float64) for value in inputs
        ]
        return ak.unflatten(self.content[name].evaluate(*flat), counts)
