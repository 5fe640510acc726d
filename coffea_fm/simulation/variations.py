"""Simulate hard processes again: with other random numbers, another amount of final-state radiation, or another tune."""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np

from coffea_fm.errors import RecipeError
from coffea_fm.names import close_name
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.hard_events import HardEvent, Replay
from coffea_fm.simulation.pythia import BEAM_ENERGY, flat_events, start

VARIATIONS: dict[str, tuple[str, ...]] = {
    "seed": (),
    "fsr-up": ("TimeShower:renormMultFac = 0.25",),
    "fsr-down": ("TimeShower:renormMultFac = 4",),
    "tune": ("Tune:pp = 21",),
}
"""Pythia settings by name of the variation. FSR up and down halve and double the renormalisation scale of the final-state
shower (the setting multiplies its square); the tune is ATLAS A14 with NNPDF2.3LO instead of Monash 2013."""

NUMBERS = {"nominal": 0} | {name: number for number, name in enumerate(VARIATIONS, start=1)}
"""Number of each simulation in the column ``variation``."""

_UNCHANGED = ("LesHouches:matchInOut = off", "LesHouches:setQuarkMass = 0", "LesHouches:setLeptonMass = 0")


def check_variations(names: Sequence[str]) -> None:
    """Check the names of variations.

    Raises
    ------
    RecipeError
        If one is unknown, or named twice.
    """
    for name in names:
        if name not in VARIATIONS:
            nearest = close_name(name, VARIATIONS, similarity=0)
            raise RecipeError(f"unknown variation {name!r}; did you mean {nearest!r}? Known: {', '.join(VARIATIONS)}")
    if len(set(names)) < len(names):
        raise RecipeError(f"the variations {', '.join(names)} name one of them twice; name each once")


class Variation:
    """Showers hard processes once more.

    Parameters
    ----------
    name : str
        One of `VARIATIONS`.
    further : tuple of str
        Extra Pythia settings of the whole sample; those of the variation come after them.
    entropy : sequence of int
        Seed, class and index of the file. The random numbers also depend on the variation, but not on the others.

    Attributes
    ----------
    number : int
        Number in the column ``variation``.
    random : numpy.random.Generator
        For the detector.
    """

    def __init__(self, name: str, further: tuple[str, ...], entropy: Sequence[int]) -> None:
        self.number = NUMBERS[name]
        source = np.random.SeedSequence([*entropy, self.number])
        self.random = np.random.default_rng(source.spawn(1)[0])
        self._replay = Replay(BEAM_ENERGY / 2)
        settings = ("Beams:frameType = 5", *_UNCHANGED, *further, *VARIATIONS[name])
        seed = int(source.generate_state(1)[0] % 900_000_000) + 1
        self._pythia = start(settings, seed, None, f"the variation {name}", self._replay)

    def events(self, hard_events: Sequence[HardEvent]) -> Events:
        """Shower each hard process once."""
        batches = []
        for hard in hard_events:
            # One at a time: if a shower fails, Pythia asks for the next event, and gets the same again.
            self._replay.event = hard
            batches.append(self._pythia.nextBatch(1))
        return flat_events(ak.concatenate(batches))
