"""Hard processes, kept so that Pythia can shower them again.

Pythia hands over its hard process (incoming partons, resonances, and their decay products) before it showers. It is
given back to another Pythia instance as a Les Houches event (hep-ph/0609017) in memory: nothing is generated or rounded,
so the momenta agree to floating-point precision, while initial- and final-state showers, the underlying event,
hadronisation and decays of hadrons are generated anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pythia8mc

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.simulation.events import Events

_INCOMING, _RESONANCE = -21, -22
_FIRST = 3  # rows 0 to 2 of Pythia's record are the event as a whole and the beams
_LES_HOUCHES_STATUS = {_INCOMING: -1, _RESONANCE: 2}
_PROCESS = 9999
_NO_SPIN = 9.0
_PROTON = 2212


class HardParticle(NamedTuple):
    """A particle of the hard process, with rows of mothers and colour tags as in Pythia."""

    pdg_id: int
    status: int
    mothers: tuple[int, int]
    colours: tuple[int, int]
    momentum: tuple[float, float, float, float, float]
    """px, py, pz, energy and mass in GeV."""
    scale: float


class HardEvent(NamedTuple):
    """A hard process: its scale in GeV, which limits the showers, and its particles."""

    scale: float
    particles: tuple[HardParticle, ...]

    @classmethod
    def of(cls, process: Any) -> HardEvent:
        """Copy Pythia's record of a hard process."""
        return cls(process.scale(), tuple(_particle(process[row]) for row in range(_FIRST, process.size())))

    @property
    def incoming(self) -> tuple[float, float]:
        """Longitudinal momenta of the two incoming partons, which identify the event."""
        return self.particles[0].momentum[2], self.particles[1].momentum[2]


class Replay(pythia8mc.LHAup):  # type: ignore[misc]
    """Gives Pythia a hard process instead of generating one.

    Parameters
    ----------
    beam_energy : float
        Energy of each proton, GeV.

    Attributes
    ----------
    event : HardEvent
        The one that Pythia gets next, as often as it asks.
    """

    event: HardEvent

    def __init__(self, beam_energy: float) -> None:
        super().__init__()
        self._beam_energy = beam_energy

    def setInit(self) -> bool:
        """Describe the beams."""
        self.setBeamA(_PROTON, self._beam_energy)
        self.setBeamB(_PROTON, self._beam_energy)
        self.setStrategy(3)  # all events have weight 1
        self.addProcess(_PROCESS)
        return True

    def setEvent(self, process: int = 0) -> bool:  # noqa: ARG002
        """Hand over the event."""
        self.setProcess(_PROCESS, 1.0, self.event.scale)
        for pdg_id, status, mothers, colours, momentum, scale in self.event.particles:
            known = _LES_HOUCHES_STATUS.get(status, 1)
            # counted from 1 without the record's first three rows; the incoming partons have no mothers
            rows = (0, 0) if status == _INCOMING else tuple(max(0, row - _FIRST + 1) for row in mothers)
            self.addParticle(pdg_id, known, *rows, *colours, *momentum, 0.0, _NO_SPIN, scale)
        return True


def hard_events_of(events: Events, accepted: Sequence[HardEvent]) -> list[HardEvent]:
    """Find the hard process of each event.

    Parameters
    ----------
    events : Events
        Generated events.
    accepted : sequence of HardEvent
        The hard processes that were showered, in order. There are more of them than events if a shower failed.

    Raises
    ------
    InputError
        If an event has none.
    """
    first: IntArray = events.offsets[:-1] + _FIRST
    remaining, found = iter(accepted), []
    for incoming in np.stack((events.pz[first], events.pz[first + 1]), axis=1).tolist():
        match = next((hard for hard in remaining if list(hard.incoming) == incoming), None)
        if match is None:
            raise InputError("Pythia showered a hard process that it had not announced; report this with the command")
        found.append(match)
    return found


def _particle(entry: Any) -> HardParticle:
    return HardParticle(
        entry.id(),
        entry.status(),
        (entry.mother1(), entry.mother2()),
        (entry.col(), entry.acol()),
        (entry.px(), entry.py(), entry.pz(), entry.e(), entry.m()),
        entry.scale(),
    )
