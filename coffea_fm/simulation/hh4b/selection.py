"""A loose selection of simulated events that any HH -> 4b analysis would require."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.simulation.jets import Jets

LARGE_RADIUS, SMALL_RADIUS = 0.8, 0.4
LARGE_STORED_PT, SMALL_STORED_PT, MAX_ETA = 200.0, 25.0, 2.4
"""Stored jets: minimal transverse momenta, GeV, and largest absolute pseudorapidity."""


@dataclass(frozen=True)
class Selection:
    """An event passes with enough large-R jets (boosted), or with enough small-R jets and HT (resolved).

    Attributes
    ----------
    n_large, large_pt
        Number and minimal transverse momentum (GeV) of the R = 0.8 jets.
    n_small, small_pt, ht
        Number, minimal transverse momentum and minimal scalar sum of transverse momenta (GeV) of the R = 0.4 jets.
    """

    n_large: int = 2
    large_pt: float = 250.0
    n_small: int = 4
    small_pt: float = 40.0
    ht: float = 400.0

    def passed(self, large: Jets, small: Jets, n_events: int) -> NDArray[np.bool_]:
        """Which events pass; bool [n_events]."""
        large_event = large.event[large.pt > self.large_pt]
        hard = small.pt > self.small_pt
        boosted = np.bincount(large_event, minlength=n_events) >= self.n_large
        enough = np.bincount(small.event[hard], minlength=n_events) >= self.n_small
        ht = np.bincount(small.event[hard], weights=small.pt[hard], minlength=n_events)
        return np.asarray(boosted | (enough & (ht > self.ht)))


SELECTION = Selection()
