"""Simulate hard processes again: with other random numbers, another amount of final-state radiation, or another tune."""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np

from coffea_fm.arrays import IntArray
from coffea_fm.errors import InputError
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.hard_events import HardEvent, Replay
from coffea_fm.simulation.pythia import BEAM_ENERGY, flat_events, seeded, start
from coffea_fm.simulation.variations import NUMBERS, VARIATIONS

TRIES = 10
_UNCHANGED = ("LesHouches:matchInOut = off", "LesHouches:setQuarkMass = 0", "LesHouches:setLeptonMass = 0")


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
        seed, self.random = seeded(*entropy, self.number)
        self._replay = Replay(BEAM_ENERGY / 2)
        settings = ("Beams:frameType = 5", *_UNCHANGED, *further, *VARIATIONS[name])
        self._pythia = start(settings, seed, None, f"the variation {name}", self._replay)

    def shower(self, hard_events: Sequence[HardEvent]) -> tuple[Events, IntArray]:
        """Shower each hard process once.

        Returns
        -------
        events : Events
            Without those that Pythia could not shower in `TRIES` attempts.
        numbers : int64 array of shape [n_events]
            Index of the hard process of each event.

        Raises
        ------
        InputError
            If Pythia could not shower any.
        """
        batches, numbers = [], []
        for number, hard in enumerate(hard_events):
            self._replay.event = hard
            for _ in range(TRIES):
                batch = self._pythia.nextBatch(1)  # empty after a failure
                if len(batch):
                    batches.append(batch)
                    numbers.append(number)
                    break
        if not batches:
            raise InputError("Pythia could not shower any of the hard processes again: check the Pythia settings")
        return flat_events(ak.concatenate(batches)), np.array(numbers, np.int64)
