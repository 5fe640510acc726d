"""Jet corrections with uncertainties, and scale factors of taggers, read with correctionlib.

Jet corrections are named after the jet collection: ``FatJet_energy``, ``FatJet_energy_uncertainty``,
``FatJet_resolution_smearing``, ``FatJet_softdrop_mass``. Scale factors are named after the checksum of the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np

from coffea_fm.arrays import DoubleArray
from coffea_fm.errors import RecipeError
from coffea_fm.inference.tagger import Tagger

_EVENTS = 2**20  # so that a float64 represents the event number exactly


@dataclass(frozen=True)
class Corrections:
    """A file of corrections; its content is pickled with the processor.

    Parameters
    ----------
    content : correctionlib.CorrectionSet
        The corrections by name.
    source : str
        Path of the file.
    cuts : dict of str to frozenset of float
        Bin edges of the discriminant, by the name of the correction.
    """

    content: correctionlib.CorrectionSet
    source: str
    cuts: dict[str, frozenset[float]]

    @classmethod
    def read(cls, path: str | Path) -> Corrections:
        """Read a correctionlib file.

        Raises
        ------
        RecipeError
            If the file does not exist, or is not a correctionlib file.
        """
        try:
            text = Path(path).read_text()
            content = correctionlib.CorrectionSet.from_string(text)
        except (OSError, RuntimeError, ValueError) as error:
            raise RecipeError(f"cannot read the corrections {path}: {str(error).splitlines()[0]}") from error
        cuts = {each["name"]: frozenset(_edges(each["data"])) for each in json.loads(text)["corrections"]}
        return cls(content, str(path), cuts)

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

    def scale_factors(self, tagger: Tagger, systematic: str, *inputs: DoubleArray) -> DoubleArray:
        """Ratio of the efficiencies in data and simulation; float64 [n_jets].

        Parameters
        ----------
        tagger : Tagger
            The bundle.
        systematic : {"nominal", "up", "down"}
            The nominal scale factor, or one shifted by its uncertainty.
        *inputs : float64 [n_jets]
            Transverse momentum (GeV) and discriminant.
        """
        return np.asarray(self.content[scale_factor_name(tagger)].evaluate(systematic, *inputs))

    def require(self, tagger: Tagger) -> None:
        """Refuse a bundle without scale factors.

        Raises
        ------
        RecipeError
            If there are none for the bundle's checksum.
        """
        if scale_factor_name(tagger) not in list(self.content):
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
        edges = self.cuts[scale_factor_name(tagger)]
        if edges and not edges.issuperset(cuts):
            raise RecipeError(
                f"the scale factors of the bundle {tagger.manifest.name!r} in {self.source} belong to the cuts "
                f"{', '.join(map(str, sorted(edges)[1:-1]))}, not to {', '.join(map(str, cuts))}: derive "
                "them again, or go on without them with the option uncalibrated=true"
            )

    def _of_jets(self, name: str, jets: ak.Array, *inputs: Any) -> ak.Array:
        counts = ak.num(jets)
        flat: Sequence[Any] = [
            value if isinstance(value, str) else ak.to_numpy(ak.flatten(value)).astype(np.float64) for value in inputs
        ]
        return ak.unflatten(self.content[name].evaluate(*flat), counts)


def _edges(node: Any) -> Iterator[float]:
    """Edges in the input ``discriminant`` of all binnings of a correction."""
    if isinstance(node, list):
        for part in node:
            yield from _edges(part)
    elif isinstance(node, dict):
        if node.get("nodetype") == "multibinning" and "discriminant" in node["inputs"]:
            yield from node["edges"][node["inputs"].index("discriminant")]
        elif node.get("nodetype") == "binning" and node["input"] == "discriminant":
            yield from node["edges"]
        yield from _edges(list(node.values()))


def scale_factor_name(tagger: Tagger) -> str:
    """Name of the scale factors of a bundle, which depend on its content, not on its name."""
    return f"scale_factor_{tagger.checksum[:12]}"
