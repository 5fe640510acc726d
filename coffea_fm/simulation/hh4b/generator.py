"""Generate full events with Pythia 8, with the sums that normalise their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coffea_fm.simulation.events import Events
from coffea_fm.simulation.hh4b.hooks import EventHooks, Made
from coffea_fm.simulation.hh4b.processes import EVENT_PROCESSES
from coffea_fm.simulation.pythia import flat_events, start

_PB_PER_MB = 1e9
_INTEGRATION_POINTS, _INTEGRATION_SEED = 50_000, 1
_HARD_PROCESS_ONLY = ("PartonLevel:all = off", "HadronLevel:all = off")


@dataclass(frozen=True)
class GeneratedEvents:
    """A batch of events.

    Attributes
    ----------
    events : Events
        Particles and weights.
    hard_pt : float64 [n_events]
        Transverse momentum of the hard process, GeV.
    made : list of Made
        One per event.
    """

    events: Events
    hard_pt: NDArray[np.float64]
    made: list[Made]


def generate_events(
    name: str, seed: int, *, batch: int = 50, flat: bool = True, further: tuple[str, ...] = ()
) -> Iterator[GeneratedEvents]:
    """Generate batches of events of one process indefinitely.

    Parameters
    ----------
    name : str
        One of `EVENT_PROCESSES`.
    seed : int
        Pythia's seed, 1 to 900,000,000.
    batch : int
        Events per batch.
    flat : bool
        Flatten the falling spectrum of the backgrounds; `Events.weight` compensates.
    further : tuple of str
        Extra settings applied last, such as another tune.

    Raises
    ------
    RecipeError
        If a setting is unknown to Pythia, or Pythia cannot start.
    """
    process = EVENT_PROCESSES[name]
    hooks = EventHooks(process, flat=flat)
    pythia = start((*process.settings, *further), seed, hooks, f"{name} with these settings")
    while True:
        hooks.made.clear()
        made = pythia.nextBatch(batch)
        yield GeneratedEvents(flat_events(made), np.sqrt(np.asarray(made.info.pT2Hat)), list(hooks.made))


@lru_cache
def cross_section(name: str, further: tuple[str, ...] = ()) -> tuple[float, float]:
    """Cross section of all hard processes of a kind, including forced decays, and its statistical error, pb.

    It is always computed from the same number of hard processes, so that all files of a sample agree.

    Parameters
    ----------
    name : str
        One of `EVENT_PROCESSES`.
    further : tuple of str
        Extra Pythia settings.
    """
    settings = (*EVENT_PROCESSES[name].settings, *further, *_HARD_PROCESS_ONLY)
    pythia = start(settings, _INTEGRATION_SEED, None, f"{name} with these settings")
    for _ in range(_INTEGRATION_POINTS):
        pythia.next()
    information = pythia.infoPython()
    return information.sigmaGen() * _PB_PER_MB, information.sigmaErr() * _PB_PER_MB
