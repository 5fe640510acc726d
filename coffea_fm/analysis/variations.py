"""Calibrate and shift jets for all variations at once, so that expensive steps run only once."""

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
"""Variations of jets. The resolution is one-sided, because smearing cannot improve it."""


@dataclass(frozen=True)
class Jets:
    """Jets selected in at least one variation.

    Parameters
    ----------
    stored : awkward.Array
        events * var * jet, as in the file, with tagger outputs as additional fields.
    energy, mass : mapping of str to awkward.Array
        Factors on the four-momentum and soft-drop mass, by variation, in the layout of `stored`.
    min_pt : float
        Minimal transverse momentum after calibration, GeV.
    """

    stored: ak.Array
    energy: Mapping[str, ak.Array]
    mass: Mapping[str, ak.Array]
    min_pt: float

    def shifted(self, variation: str) -> ak.Array:
        """Jets selected in one variation, with varied momenta. ``uncorrected``, which taggers read, is unchanged."""
        factors = {"pt": self.energy, "mass": self.energy, "msoftdrop": self.mass}
        jets = self.stored
        for name, factor in factors.items():
            if name in jets.fields:
                jets = ak.with_field(jets, self.stored[name] * factor[variation], name)
        return jets[jets.pt > self.min_pt]

    def with_field(self, values: ak.Array, name: str) -> Jets:
        """Add a field in the layout of `stored`."""
        return Jets(ak.with_field(self.stored, values, name), self.energy, self.mass, self.min_pt)

    def where(self, chosen: ak.Array) -> Jets:
        """Select events, or jets."""
        return Jets(
            self.stored[chosen],
            {name: factor[chosen] for name, factor in self.energy.items()},
            {name: factor[chosen] for name, factor in self.mass.items()},
            self.min_pt,
        )

    def in_events_with(self, least: int) -> Jets:
        """Remove jets in events that have too few in every variation."""
        return self.where(ak.broadcast_arrays(ak.num(self.stored) >= least, self.stored.pt)[0])

    def in_events_with_any(self, wanted: ak.Array) -> Jets:
        """Remove jets in events where none is wanted."""
        return self.where(ak.broadcast_arrays(ak.any(wanted, axis=1), wanted)[0])


def select_jets(
    events: ak.Array,
    collection: str,
    corrections: Corrections,
    variations: Sequence[str],
    min_pt: float,
    max_eta: float,
) -> Jets:
    """Select the union of the jets of all variations.

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
        Minimal transverse momentum after calibration and shift, GeV.
    max_eta : float
        Maximal absolute pseudorapidity.
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
