"""Truth of jets: their heavy hadrons, and the parton and the decay they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.classes import JET_CLASSES
from coffea_fm.kinematics import pt_eta_phi, wrap
from coffea_fm.simulation.ancestry import ancestry, weakly_decaying
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.jets import Jets
from coffea_fm.simulation.truth import HARD, NEUTRINOS, HardParticles, match, pairs

HADRON_PT = 5.0
_TOP, _HIGGS, _Z, _W = 6, 25, 23, 24
_LABELS = {_TOP: "Tbqq", _HIGGS: "Hbb", _Z: "Zqq", _W: "Wqq"}
_UNMATCHED = -1


@dataclass(frozen=True)
class Directions:
    """Particles with an event and a direction, sorted by event.

    Attributes
    ----------
    event : int64 [n]
        Event of each.
    eta, phi : float64 [n]
        Direction.
    """

    event: IntArray
    eta: DoubleArray
    phi: DoubleArray


def heavy_hadrons(events: Events) -> tuple[Directions, Directions]:
    """Weakly decaying b hadrons, and c hadrons that are not from a b hadron, above `HADRON_PT`."""
    beauty, charm = (np.flatnonzero(weakly_decaying(events, quark)) for quark in (5, 4))
    charm = charm[ancestry(events, charm).heavy_flavour != 5]
    found = []
    for rows in (beauty, charm):
        hard = rows[np.hypot(events.px[rows], events.py[rows]) > HADRON_PT]
        _, eta, phi = pt_eta_phi(events.px[hard], events.py[hard], events.pz[hard])
        found.append(Directions(events.event[hard], eta, phi))
    return found[0], found[1]


def nearest(jets: Jets, particles: Directions | HardParticles, radius: float) -> IntArray:
    """The jet nearest to each particle, within that distance in (eta, phi); int64 [n_particles], -1 for none."""
    particle, jet = pairs(particles.event, jets.event)
    distance = np.hypot(
        particles.eta[particle] - jets.eta[jet],
        wrap(particles.phi[particle] - jets.phi[jet]),
    )
    farthest_first = np.argsort(-distance, kind="stable")
    near = farthest_first[distance[farthest_first] < radius]
    found = np.full(len(particles.event), -1)
    found[particle[near]] = jet[near]
    return found


def count_in(jets: Jets, particles: Directions, radius: float) -> IntArray:
    """How many particles have each jet as their nearest; int64 [n_jets]."""
    jet = nearest(jets, particles, radius)
    return np.bincount(jet[jet >= 0], minlength=len(jets.pt))


def parton_of(jets: Jets, hard: HardParticles, radius: float) -> IntArray:
    """The hardest final parton that has each jet as its nearest; row in `hard`, int64 [n_jets], -1 for none."""
    jet = nearest(jets, hard, radius)
    rows = np.flatnonzero((jet >= 0) & (hard.status == HARD) & ~np.isin(np.abs(hard.pdg_id), NEUTRINOS))
    rows = rows[np.argsort(hard.pt[rows], kind="stable")]
    found = np.full(len(jets.pt), -1)
    found[jet[rows]] = rows
    return found


def decay_of(jets: Jets, hard: HardParticles, radius: float) -> tuple[IntArray, NDArray[np.int32]]:
    """The decay that each jet holds whole.

    Parameters
    ----------
    jets : Jets
        [n_jets]
    hard : HardParticles
        Truth of their events.
    radius : float
        Maximal distance of a decay product from the jet axis.

    Returns
    -------
    resonance : int64 [n_jets]
        Row in `hard` of the top, Higgs, Z or W boson whose visible decay is fully in the jet; -1 if there is none.
    label : int32 [n_jets]
        Index in `JET_CLASSES`. QCD if there are no decay products in the jet; -1 for a partial decay, or one that is
        not among the classes.
    """
    product = np.flatnonzero((hard.status == HARD) & ~np.isin(np.abs(hard.pdg_id), NEUTRINOS))
    of_decay = np.any([hard.ancestor(product, kind) >= 0 for kind in _LABELS], axis=0)
    product = product[of_decay]
    jet, which = pairs(jets.event, hard.event[product])
    which = product[which]
    inside = np.hypot(jets.eta[jet] - hard.eta[which], wrap(jets.phi[jet] - hard.phi[which])) < radius
    touched = np.bincount(jet[inside], minlength=len(jets.pt)) > 0
    label = np.where(touched, _UNMATCHED, JET_CLASSES.index("QCD"))
    resonance = np.full(len(jets.pt), -1)
    for kind in reversed(_LABELS):
        whole = match(hard, kind, jets.event, jets.eta, jets.phi, radius)
        here = np.flatnonzero(whole >= 0)
        resonance[here] = whole[here]
        label[here] = _labels_of_decays(hard, kind)[whole[here]]
    return resonance, label.astype(np.int32)


def _labels_of_decays(hard: HardParticles, kind: int) -> IntArray:
    """Index in `JET_CLASSES` of the decay of each resonance of that kind; int64 [n_hard]."""
    label = np.full(len(hard.event), JET_CLASSES.index(_LABELS[kind]))
    for lepton, leptonic in ((11, "Tbl"), (13, "Tbl"), (15, "")):
        above = hard.ancestor(np.flatnonzero(np.abs(hard.pdg_id) == lepton), kind)
        label[above[above >= 0]] = JET_CLASSES.index(leptonic) if kind == _TOP and leptonic else _UNMATCHED
    return label
