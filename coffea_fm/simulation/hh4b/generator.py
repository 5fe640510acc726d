"""Whole events from Pythia 8, with what their weights must be divided by."""

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
        One an event.
    """

    events: Events
    hard_pt: NDArray[np.float64]
    made: list[Made]


def generate_events(
    name: str, seed: int, *, batch: int = 50, flat: bool = True, further: tuple[str, ...] = ()
) -> Iterator[GeneratedEvents]:
    """Generate events of one process without end.

    Parameters
    ----------
    name : str
        One of `EVENT_PROCESSES`.
    seed : int
        Pythia's seed, 1 to 900,000,000.
    batch : int
        Events a batch.
    flat : bool
        Flatten the falling spectrum of the backgrounds; `Events.weight` undoes it.
    further : tuple of str
        Settings after all others, such as another tune.

    Raises
    ------
    RecipeError
        If Pythia does not know a setting, or cannot start with them.
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
    """Cross section of all hard processes of a kind and its statistical error, pb; forced decays are in it.

    It comes from as many hard processes each time, so that all files of a sample have the same number.

    Parameters
    ----------
    name : str
        One of `EVENT_PROCESSES`.
    further : tuple of str
        Further settings of Pythia.
    """
    settings = (*EVENT_PROCESSES[name].settings, *further, *_HARD_PROCESS_ONLY)
    pythia = start(settings, _INTEGRATION_SEED, None, f"{name} with these settings")
    for _ in range(_INTEGRATION_POINTS):
        pythia.next()
    information = pythia.infoPython()
    return information.sigmaGen() * _PB_PER_MB, information.sigmaErr() * _PB_PER_MB
