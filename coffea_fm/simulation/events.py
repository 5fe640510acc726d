"""Generated events as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Events:
    """Particles of a batch of events, one row a particle.

    Attributes
    ----------
    offsets : int64 [n_events + 1]
        First row of each event.
    pdg_id, status : int32 [n_particles]
        As in Pythia; final particles have a positive status.
    mother : int64 [n_particles]
        Row of the first mother; -1 if there is none.
    px, py, pz, energy : float64 [n_particles]
        GeV.
    x, y, z : float64 [n_particles]
        Production vertex, mm from the collision.
    weight : float64 [n_events]
        1 unless the spectrum is flattened.
    """

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    status: NDArray[np.int32]
    mother: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    energy: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def event(self) -> NDArray[np.int64]:
        """The event of each particle, int64 [n_particles]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))
