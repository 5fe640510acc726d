"""Two simulations of the same jet, drawn from the list of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coffea_fm.tokens import Level, Packed

COLLECTION = "FatJet"
MOST = 8
"""Largest number of simulations read of each jet."""


def simulations_of(level: Level) -> Level:
    """The level of rows that hold several simulations of a jet of this level, as `collect_resimulations` writes them."""
    jets = replace(level, name=COLLECTION, order="stored", minimum=2, maximum=MOST)
    return Level("event", (), (jets,))


def two_simulations(packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
    """Draw two different simulations of each jet.

    Parameters
    ----------
    packed : Packed
        Rows of at least two simulations each.
    level : Level
        As made by `simulations_of`.
    random : numpy.random.Generator

    Returns
    -------
    list of Packed
        Two times the jets of all rows, in the order of the rows.
    """
    simulations = packed.members[level.members[0].name]
    first = random.integers(simulations.counts)
    second = (first + 1 + random.integers(simulations.counts - 1)) % simulations.counts
    return [simulations.things.take(simulations.offsets[:-1] + chosen) for chosen in (first, second)]
