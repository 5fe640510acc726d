"""Link the jets of two simulations of the same hard processes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from coffea_fm.arrays import IntArray
from coffea_fm.kinematics import wrap
from coffea_fm.simulation.truth import RESONANCE, pairs
from coffea_fm.simulation.variations import NUMBERS

PAIRING = ("pair", "variation")
"""Columns of jets that were simulated several times: the number of the jet, and that of the simulation."""

LARGEST_DISTANCE = 0.4
"""Largest distance in (eta, phi) between two simulations of a jet: half of its radius."""

_OF_THE_HARD_PROCESS = ("weight", "hard", "matched")


def varied_jets(nominal: ak.Array, varied: ak.Array, number: int) -> ak.Array:
    """The jets of a variation that are simulations of nominal jets.

    Both must come from the same hard particle (resonance or, for QCD, any), and each be the nearest of the other within
    `LARGEST_DISTANCE`. Jets without a partner are left out.

    Parameters
    ----------
    nominal, varied : awkward.Array
        Jets of `coffea_fm.simulation.sample.simulate`, sorted by `event`; the nominal ones have their `pair`.
    number : int
        Number of the variation.

    Returns
    -------
    awkward.Array
        With the `pair`, hard particles and weight of their nominal jets, and `variation`.
    """
    partner = partners(nominal, varied)
    kept = np.flatnonzero(partner >= 0)
    jets, theirs = varied[kept], nominal[partner[kept]]
    for name in (*_OF_THE_HARD_PROCESS, "pair"):
        jets = ak.with_field(jets, theirs[name], name)
    return ak.with_field(jets, np.full(len(jets), number, np.int32), "variation")


def partners(nominal: ak.Array, varied: ak.Array) -> IntArray:
    """Row of the nominal jet of each varied jet, int64 [n]; -1 without one."""
    left, right = pairs(ak.to_numpy(varied.event), ak.to_numpy(nominal.event))
    eta, phi = (ak.to_numpy(varied[axis])[left] - ak.to_numpy(nominal[axis])[right] for axis in ("eta", "phi"))
    distance = np.hypot(eta, wrap(phi))
    same = (hard_particle(varied)[left] == hard_particle(nominal)[right]) & (distance < LARGEST_DISTANCE)
    left, right, distance = left[same], right[same], distance[same]
    order = np.argsort(distance, kind="stable")
    nearest = [np.full(len(jets), -1) for jets in (varied, nominal)]
    for one, other, found in ((left, right, nearest[0]), (right, left, nearest[1])):
        _, first = np.unique(one[order], return_index=True)
        found[one[order][first]] = other[order][first]
    mutual = (nearest[0] >= 0) & (nearest[1][nearest[0]] == np.arange(len(varied)))
    return np.where(mutual, nearest[0], -1)


def hard_particle(jets: ak.Array) -> NDArray[np.int64]:
    """PDG number of the resonance that each jet comes from; 0 for partons, whose flavour may change at an equal direction."""
    matched = ak.to_numpy(jets.matched)
    counts = ak.to_numpy(ak.num(jets.hard))
    pdg_id, status = (ak.to_numpy(ak.flatten(jets.hard[name])) for name in ("pdg_id", "status"))
    rows = np.where(matched >= 0, np.cumsum(counts) - counts + matched, 0)
    return np.where((matched >= 0) & (status[rows] == RESONANCE), pdg_id[rows], 0)


def count_partners(paths: Iterable[Path], names: Iterable[str]) -> dict[str, float]:
    """Fraction of the nominal jets in these files that each of these variations has a jet for."""
    counts = np.zeros(len(NUMBERS), np.int64)
    for path in paths:
        with uproot.open(path) as file:
            tree = file["Events"] if "Events" in file else file["tree"]
            (column,) = tree.keys(filter_name="*Jet_variation", recursive=False) or ("jet_variation",)
            found = ak.to_numpy(ak.flatten(tree[column].array(), axis=None))
        counts += np.bincount(found, minlength=len(counts))
    return {name: counts[NUMBERS[name]] / max(counts[0], 1) for name in names}
