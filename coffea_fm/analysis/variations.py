"""Jets, calibrated and shifted: every variation at once, so that what is expensive is done once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import awkward as ak
import numpy as np

from coffea_fm.analysis.corrections import Corrections
from coffea_fm.analysis.regions import NOMINAL

JET_VARIATIONS = (
    NOMINAL,
    "jet_energy_scale_up",
    "jet_energy_scale_down",
    "jet_energy_resolution_up",
    "jet_mass_scale_up",
    "jet_mass_scale_down",
)
"""Of jets; a worse resolution is one-sided, since smearing cannot make it better."""


@dataclass(frozen=True)
class Jets:
    """Jets that some variation selects.

    Parameters
    ----------
    stored : awkward.Array
        events * var * jet, as in the file; what taggers gave is added as fields.
    energy, mass : mapping of str to awkward.Array
        Factors on four-momentum and soft-drop mass, by variation; in the layout of `stored`.
    min_pt : float
        GeV, after calibration.
    """

    stored: ak.Array
    energy: Mapping[str, ak.Array]
    mass: Mapping[str, ak.Array]
    min_pt: float

    def shifted(self, variation: str) -> ak.Array:
        """The jets that one variation selects, with its momenta; ``uncorrected`` stays what taggers read."""
        factors = {"pt": self.energy, "mass": self.energy, "msoftdrop": self.mass}
        jets = self.stored
        for name, factor in factors.items():
            if name in jets.fields:
                jets = ak.with_field(jets, self.stored[name] * factor[variation], name)
        return jets[jets.pt > self.min_pt]

    def with_field(self, values: ak.Array, name: str) -> Jets:
        """The jets with a further field in the layout of `stored`."""
        return Jets(ak.with_field(self.stored, values, name), self.energy, self.mass, self.min_pt)

    def where(self, chosen: ak.Array) -> Jets:
        """Some of the events, or of the jets."""
        return Jets(
            self.stored[chosen],
            {name: factor[chosen] for name, factor in self.energy.items()},
            {name: factor[chosen] for name, factor in self.mass.items()},
            self.min_pt,
        )

    def in_events_with(self, least: int) -> Jets:
        """No jets in events that have too few for any variation."""
        return self.where(ak.broadcast_arrays(ak.num(self.stored) >= least, self.stored.pt)[0])

    def in_events_with_any(self, wanted: ak.Array) -> Jets:
        """No jets in events where none is wanted."""
        return self.where(ak.broadcast_arrays(ak.any(wanted, axis=1), wanted)[0])


def select_jets(
    events: ak.Array,
    collection: str,
    corrections: Corrections,
    variations: Sequence[str],
    min_pt: float,
    max_eta: float,
) -> Jets:
    """The union of the jets that the variations select.

    Parameters
    ----------
    events : awkward.Array
        One chunk.
    collection : str
        Field of the events with the jets; corrections are named after it.
    corrections : Corrections
        Jet energy and mass corrections.
    variations : sequence of str
        Some of `JET_VARIATIONS`.
    min_pt : float
        GeV, after calibration and shift.
    max_eta : float
        Of the absolute pseudorapidity.
    """
    jets = events[collection]
    jets = jets[abs(jets.eta) < max_eta]
    energy = {name: _energy(name, collection, jets, events, corrections) for name in variations}
    mass = (
        {name: _mass(name, collection, jets, corrections) * energy[name] for name in variations}
        if "msoftdrop" in jets.fields
        else {}
    )
    largest = reduce(np.maximum, energy.values())
    return Jets(jets, energy, mass, min_pt).where(jets.pt * largest > min_pt)


def _energy(variation: str, collection: str, jets: ak.Array, events: ak.Array, corrections: Corrections) -> ak.Array:
    calibrated = corrections.energy(collection, jets)
    if variation == "jet_energy_resolution_up":
        return calibrated * corrections.smearing(collection, jets, events)
    if variation.startswith("jet_energy_scale"):
        sign = 1 if variation.endswith("up") else -1
        return calibrated * (1 + sign * corrections.energy_uncertainty(collection, jets))
    return calibrated


def _mass(variation: str, collection: str, jets: ak.Array, corrections: Corrections) -> ak.Array:
    shifted = variation.startswith("jet_mass_scale")
    return corrections.mass(collection, jets, variation.rpartition("_")[2] if shifted else NOMINAL)
