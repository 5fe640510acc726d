"""The final particles of generated events that a detector can see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import DoubleArray
from coffea_fm.kinematics import pt_eta_phi
from coffea_fm.simulation.events import Events

_NEUTRINOS = (12, 14, 16)
_LEAST_ENERGY = 1e-6  # GeV: Pythia produces a few photons without momentum
_CHARGED = (11, 13, 15, 211, 321, 2212, 3112, 3222, 3312, 3334)
_NEGATIVE = (11, 13, 15, 3112, 3312, 3334)


@dataclass(frozen=True)
class FinalState:
    """Visible final particles, one row each, sorted by event.

    Attributes
    ----------
    event, source : int64 [n]
        Event of each particle, and its row in `Events`.
    kind, charge : int32 [n]
        Absolute PDG number, and electric charge in e.
    energy, pt, eta, phi : float64 [n]
        GeV and radian.
    x, y, z : float64 [n]
        Production vertex, mm.
    """

    event: NDArray[np.int64]
    source: NDArray[np.int64]
    kind: NDArray[np.int32]
    charge: NDArray[np.int32]
    energy: DoubleArray
    pt: DoubleArray
    eta: DoubleArray
    phi: DoubleArray
    x: DoubleArray
    y: DoubleArray
    z: DoubleArray

    def __len__(self) -> int:
        return len(self.event)

    def where(self, chosen: NDArray[np.bool_]) -> FinalState:
        """Select particles."""
        return FinalState(**{name: column[chosen] for name, column in vars(self).items()})


def final_state(events: Events, max_eta: float) -> FinalState:
    """Find the visible final particles.

    Parameters
    ----------
    events : Events
        Generated events.
    max_eta : float
        Largest absolute pseudorapidity.
    """
    rows = np.flatnonzero((events.status > 0) & ~np.isin(np.abs(events.pdg_id), _NEUTRINOS))
    pt, eta, phi = pt_eta_phi(events.px[rows], events.py[rows], events.pz[rows])
    seen = (np.abs(eta) < max_eta) & (events.energy[rows] > _LEAST_ENERGY)
    rows = rows[seen]
    pdg_id = events.pdg_id[rows]
    return FinalState(
        event=events.event[rows],
        source=rows,
        kind=np.abs(pdg_id),
        charge=charge_of(pdg_id),
        energy=events.energy[rows],
        pt=pt[seen],
        eta=eta[seen],
        phi=phi[seen],
        x=events.x[rows],
        y=events.y[rows],
        z=events.z[rows],
    )


def charge_of(pdg_id: NDArray[np.int32]) -> NDArray[np.int32]:
    """Electric charge of particles that live long enough to be seen."""
    number = np.abs(pdg_id)
    charge = np.isin(number, _CHARGED) * np.where(np.isin(number, _NEGATIVE), -1, 1) * np.sign(pdg_id)
    return charge.astype(np.int32)
