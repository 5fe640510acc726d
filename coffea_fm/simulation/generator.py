"""Generate events with Pythia 8, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from coffea_fm.simulation.events import Events
from coffea_fm.simulation.filters import WantedJets
from coffea_fm.simulation.hard_events import HardEvent
from coffea_fm.simulation.processes import Process
from coffea_fm.simulation.pythia import BEAM_ENERGY, flat_events, start

_FLAT_POWER = 5.0


def generate(
    process: Process,
    pt_range: tuple[float, float],
    max_eta: float,
    seed: int,
    *,
    batch: int = 100,
    flat: bool = False,
    further: tuple[str, ...] = (),
    accepted: list[HardEvent] | None = None,
) -> Iterator[Events]:
    """Generate batches of events indefinitely.

    Parameters
    ----------
    process : Process
        Process to generate.
    pt_range : tuple of float
        Range of the transverse momentum of the wanted jets, GeV.
    max_eta : float
        Largest absolute pseudorapidity of the wanted jets.
    seed : int
        Pythia's seed, 1 to 900,000,000.
    batch : int
        Events per batch.
    flat : bool
        Flatten the falling spectrum of the hard process; `Events.weight` compensates.
    further : tuple of str
        Extra settings applied last, such as another tune.
    accepted : list of HardEvent, optional
        The hard process of each event is appended to it.

    Raises
    ------
    RecipeError
        If a setting is unknown to Pythia, or Pythia cannot start.
    """
    low, high = pt_range
    hard_range = (
        f"PhaseSpace:pTHatMin = {process.lowest * low}",
        f"PhaseSpace:pTHatMax = {min(process.highest * high, 0.49 * BEAM_ENERGY)}",
    )
    bias = (
        "PhaseSpace:bias2Selection = on",
        f"PhaseSpace:bias2SelectionPow = {_FLAT_POWER}",
        f"PhaseSpace:bias2SelectionRef = {low}",
    )
    spectrum = (*hard_range, *(bias if flat else ()))
    wanted = WantedJets(process.resonance, pt_range, max_eta, accepted)
    settings = (*spectrum, *process.settings, *further, *process.alternatives[0])
    pythia = start(settings, seed, wanted, f"jets of {low:g} to {high:g} GeV; choose another range")
    for alternative in cycle(process.alternatives):
        for setting in alternative:
            pythia.readString(setting)
        yield flat_events(pythia.nextBatch(batch))
