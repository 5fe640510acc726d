"""Reconstructed particles as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import DoubleArray


@dataclass(frozen=True)
class Candidates:
    """Reconstructed particles, one row each.

    Attributes
    ----------
    event : int64 [n]
        Event of each candidate.
    source : int64 [n]
        Row in `Events` of the particle that made it (the hardest one of a calorimeter cell).
    pt, eta, phi, mass : float64 [n]
        GeV and radian.
    charge, pdg_id : int32 [n]
        Electric charge in e, and one of 211, 130, 22, 11, 13 with sign.
    d0, d0_error, dz, dz_error : float64 [n]
        Impact parameters and their errors in mm; NaN for neutral candidates.
    """

    event: NDArray[np.int64]
    source: NDArray[np.int64]
    pt: DoubleArray
    eta: DoubleArray
    phi: DoubleArray
    mass: DoubleArray
    charge: NDArray[np.int32]
    pdg_id: NDArray[np.int32]
    d0: DoubleArray
    d0_error: DoubleArray
    dz: DoubleArray
    dz_error: DoubleArray

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The candidates in those rows."""
        return Candidates(**{name: column[rows] for name, column in vars(self).items()})

    @classmethod
    def by_event(cls, parts: Sequence[Candidates]) -> Candidates:
        """All parts together, sorted by event."""
        together = cls(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
        return together.take(np.argsort(together.event, kind="stable"))
