"""Hooks into Pythia's event generation: bias of the hard process, counting, and early vetoes.

At 5 GeV, the shower has produced the hard jets and nearly all b quarks, but Pythia has spent only a twentieth of its
time: most goes into softer multiparton interactions. At this point, the b quarks are counted, which splits the multijet
sample into two exclusive parts, and events whose partons are far from the selection are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pythia8mc

from coffea_fm.simulation.hh4b.processes import EventProcess
from coffea_fm.simulation.hh4b.selection import SELECTION

_SCALE = 5.0
_B_QUARK_PT, _B_QUARK_ETA = 10.0, 2.7
_MARGIN, _ETA = 0.75, 3.0
_VISIBLE, _MASSLESS = 2, 1


@dataclass(frozen=True)
class Made:
    """Generator information of an event besides its particles.

    Attributes
    ----------
    tried : int
        Number of hard processes in the file up to and including this one.
    tried_weight, tried_weight2 : float
        Sums of their weights and squared weights.
    two_b : bool
        Whether there are two b quarks.
    """

    tried: int
    tried_weight: float
    tried_weight2: float
    two_b: bool


class EventHooks(pythia8mc.UserHooks):  # type: ignore[misc]
    """Biases the hard process, counts all of them, and vetoes early.

    Parameters
    ----------
    process : EventProcess
        Process to bias and veto.
    flat : bool
        Whether to bias at all.

    Attributes
    ----------
    made : list of Made
        Records of the events that Pythia completed, in order.
    """

    def __init__(self, process: EventProcess, *, flat: bool) -> None:
        super().__init__()
        self.made: list[Made] = []
        self._process, self._flat = process, flat
        self._tried, self._tried_weight, self._tried_weight2 = 0, 0.0, 0.0
        self._weight = 1.0
        self._two_b = False
        self._large = _slow_jets(0.8, _MARGIN * SELECTION.large_pt)
        self._small = _slow_jets(0.4, _MARGIN * SELECTION.small_pt)

    def canBiasSelection(self) -> bool:
        """Tell Pythia that the choice of hard processes is biased."""
        return self._flat and self._process.bias_power > 0

    def biasSelectionBy(self, sigma: Any, phase_space: Any, in_event: bool) -> float:  # noqa: ARG002
        """How much more often to choose this hard process."""
        ratio = phase_space.pTHat() / self._process.bias_scale
        self.selBias = (1 + ratio * ratio) ** (self._process.bias_power / 2)
        self._weight = 1 / self.selBias
        return float(self.selBias)

    def canVetoProcessLevel(self) -> bool:
        """Tell Pythia to show every hard process."""
        return True

    def doVetoProcessLevel(self, process: Any) -> bool:  # noqa: ARG002
        """Count the hard process; drop none."""
        self._tried += 1
        self._tried_weight += self._weight
        self._tried_weight2 += self._weight**2
        self._two_b = False
        return False

    def canVetoPT(self) -> bool:
        """Tell Pythia to show the event when the shower has reached `scaleVetoPT`."""
        return True

    def scaleVetoPT(self) -> float:
        """Scale at which to check the shower, GeV."""
        return _SCALE

    def doVetoPT(self, position: int, event: Any) -> bool:  # noqa: ARG002
        """Whether to drop the event half-way through its shower."""
        self._two_b = _count_b_quarks(event) >= 2
        if self._process.needs_two_b and not self._two_b:
            return True
        return self._process.early_veto and not self._may_pass(event)

    def onEndEvent(self, status: Any) -> None:
        """Record a completed event."""
        if status == pythia8mc.UserHooks.Status.COMPLETE:
            self.made.append(Made(self._tried, self._tried_weight, self._tried_weight2, self._two_b))

    def _may_pass(self, event: Any) -> bool:
        self._large.analyze(event)
        if self._large.sizeJet() >= SELECTION.n_large:
            return True
        self._small.analyze(event)
        n = self._small.sizeJet()
        return bool(n >= SELECTION.n_small and sum(map(self._small.pT, range(n))) > _MARGIN * SELECTION.ht)


def _slow_jets(radius: float, least_pt: float) -> Any:
    return pythia8mc.SlowJet(-1, radius, least_pt, _ETA, _VISIBLE, _MASSLESS, None, False, True)


def _count_b_quarks(event: Any) -> int:
    found = 0
    for row in range(event.size()):
        parton = event[row]
        if parton.idAbs() == 5 and parton.isFinal() and parton.pT() > _B_QUARK_PT:
            found += abs(parton.eta()) < _B_QUARK_ETA
    return found
