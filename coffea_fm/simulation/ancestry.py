"""Truth of a constituent: the heavy hadron and the kind of decay it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from coffea_fm.simulation.events import Events

_STRANGE_LONG_LIVED = (130, 310, 3112, 3122, 3222, 3312, 3322, 3334)


class Origin(IntEnum):
    """Where a particle was made."""

    PRIMARY = 0
    B_HADRON = 1
    C_HADRON_FROM_B = 2
    C_HADRON = 3
    TAU = 4
    OTHER_SECONDARY = 5


@dataclass(frozen=True)
class Ancestry:
    """Heavy ancestors of some particles.

    Attributes
    ----------
    origin : int32 [n]
        An `Origin`.
    heavy_flavour : int32 [n]
        5 from a b hadron, 4 from a c hadron that is not from a b hadron, 0 otherwise.
    b_hadron, c_hadron : int64 [n]
        Row of the weakly decaying hadron that the particle comes from; -1 if there is none.
    """

    origin: NDArray[np.int32]
    heavy_flavour: NDArray[np.int32]
    b_hadron: NDArray[np.int64]
    c_hadron: NDArray[np.int64]


def has_quark(pdg_id: NDArray[np.int32], quark: int) -> NDArray[np.bool_]:
    """Whether each is an open-flavour hadron whose heaviest quark is that one; quarkonia and diquarks are not."""
    number = np.abs(pdg_id)
    first, second, third = number // 1000 % 10, number // 100 % 10, number // 10 % 10
    meson = (first == 0) & (second == quark) & (third != quark) & (third != 0)
    baryon = (first == quark) & (third != 0)
    return np.asarray((number < 10_000_000) & (meson | baryon))


def weakly_decaying(events: Events, quark: int) -> NDArray[np.bool_]:
    """Mask of hadrons with this quark whose decay products do not contain it; bool [n_particles]."""
    hadron = has_quark(events.pdg_id, quark)
    kin = np.flatnonzero(hadron & (events.mother >= 0))
    hadron[events.mother[kin[hadron[events.mother[kin]]]]] = False
    return hadron


def ancestry(events: Events, rows: NDArray[np.int64]) -> Ancestry:
    """Follow the ancestors of particles back to the beam, and record heavy hadrons.

    Parameters
    ----------
    events : Events
        The particles.
    rows : int64 [n]
        Which of them.
    """
    b_hadrons, c_hadrons = (weakly_decaying(events, quark) for quark in (5, 4))
    particles, inverse = np.unique(rows, return_inverse=True)
    found = {kind: np.full(len(particles), -1) for kind in ("b", "c", "tau", "strange")}
    climbing, at = np.arange(len(particles)), events.mother[particles]
    while True:
        climbing, at = climbing[at >= 0], at[at >= 0]
        if not len(at):
            break
        pdg_id = events.pdg_id[at]
        for kind, chosen in (
            ("b", b_hadrons[at]),
            ("c", c_hadrons[at]),
            ("tau", np.abs(pdg_id) == 15),
            ("strange", np.isin(np.abs(pdg_id), _STRANGE_LONG_LIVED)),
        ):
            new = chosen & (found[kind][climbing] < 0)
            found[kind][climbing[new]] = at[new]
        at = events.mother[at]
    b, c, tau, strange = (found[kind] >= 0 for kind in ("b", "c", "tau", "strange"))
    origin = np.select(
        [b & c, b, c, tau, strange],
        [Origin.C_HADRON_FROM_B, Origin.B_HADRON, Origin.C_HADRON, Origin.TAU, Origin.OTHER_SECONDARY],
        Origin.PRIMARY,
    ).astype(np.int32)
    heavy_flavour = np.select([b, c], [5, 4], 0).astype(np.int32)
    return Ancestry(origin[inverse], heavy_flavour[inverse], found["b"][inverse], found["c"][inverse])
