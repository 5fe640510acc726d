"""Truth of the hard process: the decay that a jet comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import IntArray
from coffea_fm.kinematics import invariant_mass, pt_eta_phi, wrap
from coffea_fm.simulation.events import Events

GRAVITON = 5100039
_RESONANCES = (6, 23, 24, 25, GRAVITON)
NEUTRINOS = (12, 14, 16)
HARD = 23
RESONANCE = 22
_GENERATIONS = 3


@dataclass(frozen=True)
class HardParticles:
    """Resonances and partons of the hard process, one row a particle, sorted by event.

    Attributes
    ----------
    event : int64 [n]
        Event of each particle.
    pdg_id, status : int64 [n]
        Status 22 for decaying resonances, 23 for outgoing partons.
    mother : int64 [n]
        Row of the parent resonance; -1 if there is none.
    origin : int64 [n]
        Row of the first resonance in its decay chain; its own row if there is none.
    pt, eta, phi, mass : float64 [n]
        GeV and radian. The momentum of a resonance is taken at its decay.
    """

    event: IntArray
    pdg_id: IntArray
    status: IntArray
    mother: IntArray
    origin: IntArray
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    mass: NDArray[np.float64]

    def ancestor(self, rows: IntArray, resonance: int) -> IntArray:
        """Row of the first resonance of that kind (absolute PDG number) that each row is or came from, else -1."""
        found = np.full(len(rows), -1)
        at = rows
        for _ in range(_GENERATIONS):
            found = np.where((at >= 0) & (np.abs(self.pdg_id[at]) == resonance), at, found)
            at = np.where(at >= 0, self.mother[at], -1)
        return found


def hard_particles(events: Events) -> HardParticles:
    """Find the particles of the hard process, and the decays of its resonances."""
    products = np.flatnonzero(np.abs(events.status) == HARD)
    parent = _resonance_before(events, products)
    grandparent = _resonance_before(events, _first_copy(events, parent))
    rows = np.unique(np.concatenate([products, parent[parent >= 0], grandparent[grandparent >= 0]]))
    mother_of = np.full(len(events.pdg_id) + 1, -1)  # the last entry means "no mother"
    mother_of[products] = parent
    mother_of[parent] = grandparent
    mother_of[-1] = -1
    mother = np.where(mother_of[rows] >= 0, np.searchsorted(rows, mother_of[rows]), -1)
    origin = np.arange(len(rows))
    for _ in range(2):
        origin = np.where(mother[origin] >= 0, mother[origin], origin)
    momentum = events.px[rows], events.py[rows], events.pz[rows]
    return HardParticles(
        events.event[rows],
        events.pdg_id[rows].astype(np.int64),
        np.where(np.isin(rows, products), HARD, RESONANCE),
        mother,
        origin,
        *pt_eta_phi(*momentum),
        invariant_mass(*momentum, events.energy[rows]),
    )


def match(
    hard: HardParticles,
    resonance: int,
    event: IntArray,
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
    radius: float,
) -> IntArray:
    """Give each jet the resonance whose whole visible decay it holds.

    Parameters
    ----------
    hard : HardParticles
        Truth of the jets' events.
    resonance : int
        Absolute PDG number of the resonance; 0 to match single partons instead.
    event, eta, phi : array [n_jets]
        Event and axis of each jet.
    radius : float
        Maximal distance of a visible decay product from the jet axis.

    Returns
    -------
    int64 [n_jets]
        Row in `hard`; -1 without a match.
    """
    visible = np.flatnonzero((hard.status == HARD) & ~np.isin(np.abs(hard.pdg_id), NEUTRINOS))
    whole_of = hard.ancestor(visible, resonance) if resonance else hard.origin[visible]
    visible, whole_of = visible[whole_of >= 0], whole_of[whole_of >= 0]
    jet, product = pairs(event, hard.event[visible])
    decayed, product = whole_of[product], visible[product]
    outside = np.hypot(eta[jet] - hard.eta[product], wrap(phi[jet] - hard.phi[product])) > radius
    candidate = jet * len(hard.event) + decayed
    keys, first, inverse = np.unique(candidate, return_index=True, return_inverse=True)
    whole = np.bincount(inverse, weights=outside, minlength=len(keys)) == 0
    matched = np.full(len(event), -1)
    matched[jet[first[whole]]] = decayed[first[whole]]
    return matched


def pairs(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of rows with the same event; `right` is sorted."""
    start, stop = np.searchsorted(right, left), np.searchsorted(right, left, side="right")
    count = stop - start
    first = np.repeat(start - np.cumsum(count) + count, count)
    return np.repeat(np.arange(len(left)), count), first + np.arange(count.sum())


def _first_copy(events: Events, rows: IntArray) -> IntArray:
    """Climb over the copies that recoils make of one particle."""
    while True:
        above = events.mother[rows]
        same = (rows >= 0) & (above >= 0) & (events.pdg_id[above] == events.pdg_id[rows])
        if not same.any():
            return rows
        rows = np.where(same, above, rows)


def _resonance_before(events: Events, rows: IntArray) -> IntArray:
    """The mother of each row where it is a resonance, else -1; -1 stays -1."""
    above = np.where(rows >= 0, events.mother[rows], -1)
    return np.where((above >= 0) & np.isin(np.abs(events.pdg_id[above]), _RESONANCES), above, -1)
