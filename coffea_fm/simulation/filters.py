"""Drop hard processes that cannot produce a wanted jet, before showering and hadronisation."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pythia8mc

from coffea_fm.simulation.hard_events import HardEvent
from coffea_fm.simulation.jets import RADIUS
from coffea_fm.simulation.truth import HARD, NEUTRINOS

_PT_MARGIN, _ETA_MARGIN, _RADIUS_MARGIN = 0.92, 0.15, 0.15
_FIRST_AFTER_BEAMS = 5


class WantedJets(pythia8mc.UserHooks):  # type: ignore[misc]
    """Veto hard processes without a visible decay in the range of the jets, with a margin for recoil.

    Parameters
    ----------
    resonance : int
        Absolute PDG number of the resonance that must decay into the jet; 0 for single partons.
    pt_range : tuple of float
        Range of the jets' transverse momentum, GeV.
    max_eta : float
        Largest absolute pseudorapidity of the jets.
    accepted : list of HardEvent, optional
        Each hard process that is not vetoed is appended to it.
    """

    def __init__(
        self,
        resonance: int,
        pt_range: tuple[float, float],
        max_eta: float,
        accepted: list[HardEvent] | None = None,
    ) -> None:
        super().__init__()
        self._accepted = accepted
        self._resonance = resonance
        self._low, self._high = _PT_MARGIN * pt_range[0], pt_range[1] / _PT_MARGIN
        self._max_eta = max_eta + _ETA_MARGIN

    def canVetoProcessLevel(self) -> bool:
        """Tell Pythia that there is a veto at this level."""
        return True

    def doVetoProcessLevel(self, process: Any) -> bool:
        """Whether to drop this hard process."""
        decays: dict[int, list[Any]] = defaultdict(list)
        for row in range(_FIRST_AFTER_BEAMS, process.size()):
            particle = process[row]
            if particle.status() == HARD and particle.idAbs() not in NEUTRINOS:
                root = row
                while self._resonance and (above := process[root].mother1()) >= _FIRST_AFTER_BEAMS:
                    root = above
                if not self._resonance or process[root].idAbs() == self._resonance:
                    decays[root].append(particle.p())
        if not any(self._wanted(products) for products in decays.values()):
            return True
        if self._accepted is not None:
            self._accepted.append(HardEvent.of(process))
        return False

    def _wanted(self, products: list[Any]) -> bool:
        px, py, pz = (sum(getattr(p, axis)() for p in products) for axis in ("px", "py", "pz"))
        pt = math.hypot(px, py)
        if not self._low < pt < self._high:
            return False
        eta, phi = math.asinh(pz / pt), math.atan2(py, px)
        return abs(eta) < self._max_eta and all(
            math.hypot(p.eta() - eta, math.remainder(p.phi() - phi, math.tau)) < RADIUS + _RADIUS_MARGIN
            for p in products
        )
