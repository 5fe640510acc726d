"""Jets of candidates: anti-kT clustering and soft drop."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import DoubleArray
from coffea_fm.kinematics import invariant_mass, pt_eta_phi
from coffea_fm.simulation.candidates import Candidates

RADIUS = 0.8
fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)  # keeps the banner out of the command's output


@dataclass(frozen=True)
class Jets:
    """Jets, sorted by event and then by descending transverse momentum.

    Attributes
    ----------
    event : int64 [n_jets]
        Event of each jet.
    pt, eta, phi, mass, softdrop_mass : float64 [n_jets]
        GeV and radian.
    offsets : int64 [n_jets + 1]
        First constituent of each jet.
    constituents : int64 [n_constituents]
        Rows in the candidates, by descending transverse momentum within a jet.
    """

    event: NDArray[np.int64]
    pt: DoubleArray
    eta: DoubleArray
    phi: DoubleArray
    mass: DoubleArray
    softdrop_mass: DoubleArray
    offsets: NDArray[np.int64]
    constituents: NDArray[np.int64]


def cluster(
    candidates: Candidates, n_events: int, pt_range: tuple[float, float], max_eta: float, radius: float = RADIUS
) -> Jets:
    """Cluster candidates with anti-kT, and groom with soft drop (z = 0.1, beta = 0).

    Parameters
    ----------
    candidates : Candidates
        Candidates to cluster, sorted by event.
    n_events : int
        Number of events.
    pt_range : tuple of float
        Range of the jets kept, GeV.
    max_eta : float
        Largest absolute pseudorapidity of the jets kept.
    radius : float
        R of anti-kT and of soft drop.
    """
    offsets = np.searchsorted(candidates.event, np.arange(n_events + 1))
    found = fastjet.ClusterSequence(
        _momenta(candidates, offsets), fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    )
    momenta = found.inclusive_jets(pt_range[0])
    members = ak.flatten(found.constituent_index(pt_range[0]))
    event = np.repeat(np.arange(n_events), ak.to_numpy(ak.num(momenta)))
    px, py, pz, energy = (ak.to_numpy(ak.flatten(momenta[axis])) for axis in ("px", "py", "pz", "E"))
    pt, eta, phi = pt_eta_phi(px, py, pz)
    kept = np.flatnonzero((pt < pt_range[1]) & (np.abs(eta) < max_eta))
    kept = kept[np.lexsort((-pt[kept], event[kept]))]
    count = ak.to_numpy(ak.num(members))[kept].astype(np.int64)
    jet_offsets = np.concatenate([[0], np.cumsum(count)])
    constituents = ak.to_numpy(ak.flatten(members[kept])) + np.repeat(offsets[event[kept]], count)
    constituents = constituents[np.lexsort((-candidates.pt[constituents], np.repeat(np.arange(len(kept)), count)))]
    groomed = softdrop_mass(candidates.take(constituents), jet_offsets, radius)
    mass = invariant_mass(px, py, pz, energy)
    return Jets(event[kept], pt[kept], eta[kept], phi[kept], mass[kept], groomed, jet_offsets, constituents)


def softdrop_mass(constituents: Candidates, offsets: NDArray[np.int64], radius: float) -> DoubleArray:
    """Soft-drop mass of jets, GeV, float64 [n_jets]."""
    if len(offsets) == 1:
        return np.zeros(0)
    whole_jet = fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0)
    tree = fastjet.ClusterSequence(_momenta(constituents, offsets), whole_jet)
    groomed = tree.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=0.1, R0=radius)
    mass: DoubleArray = ak.to_numpy(ak.flatten(groomed.msoftdrop, axis=None))
    return np.maximum(mass, 0.0)


def _momenta(candidates: Candidates, offsets: NDArray[np.int64]) -> ak.Array:
    transverse = np.sqrt(candidates.pt**2 + candidates.mass**2)
    pz = candidates.pt * np.sinh(candidates.eta)
    momenta = {
        "px": candidates.pt * np.cos(candidates.phi),
        "py": candidates.pt * np.sin(candidates.phi),
        "pz": pz,
        "E": np.hypot(transverse, pz),
    }
    return ak.unflatten(ak.zip(momenta, with_name="Momentum4D"), np.diff(offsets))
