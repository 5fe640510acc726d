"""Fine classes of simulated jets: the ten of JetClass split by flavours, leptons and prongs of the decay.

A backbone learns more from many similar classes than from a few very different ones (Sophon, arXiv:2405.12972, has
188). These are the classes that the truth of this simulation can distinguish.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from coffea_fm.arrays import IntArray
from coffea_fm.classes import FINE_SPLIT, JET_CLASSES
from coffea_fm.kinematics import wrap
from coffea_fm.simulation.truth import HARD, NEUTRINOS

PRONG_DISTANCE = 0.2
"""Decay products closer than this in (eta, phi) are one prong."""

_FIRST = np.cumsum([0, *(max(1, len(a)) * max(1, len(b)) for a, b in FINE_SPLIT.values())])


def fine_labels(jets: ak.Array, hard: ak.Array) -> NDArray[np.int32]:
    """Index of each jet in `coffea_fm.classes.FINE_CLASSES`.

    Parameters
    ----------
    jets : awkward.Array of n_jets records
        `label` (in `JET_CLASSES`), `matched` (the row in `hard` of the jet's origin, -1 for none), `n_b_hadrons`
        and `n_c_hadrons`.
    hard : awkward.Array of n_jets lists
        Particles of the hard process of each jet's event: `pdg_id`, `status`, `mother`, `eta`, `phi`.

    Returns
    -------
    int32 [n_jets]
        -1 for a jet without a class.
    """
    label, matched = (ak.to_numpy(jets[name]).astype(np.int64) for name in ("label", "matched"))
    n_b, n_c = ak.to_numpy(jets.n_b_hadrons), ak.to_numpy(jets.n_c_hadrons)
    rows = ak.local_index(hard.mother)
    above = ak.where(hard.mother >= 0, hard.mother[ak.where(hard.mother >= 0, hard.mother, 0)], -1)
    of_jet = (hard.mother == matched) | (above == matched) | (rows == matched)
    identity = abs(hard.pdg_id)
    is_neutrino = (identity == NEUTRINOS[0]) | (identity == NEUTRINOS[1]) | (identity == NEUTRINOS[2])
    partons = hard[of_jet & (hard.status == HARD) & ~is_neutrino & (matched >= 0)]
    identity = abs(partons.pdg_id)
    flavours = {
        "charm": ak.to_numpy(ak.sum(identity == 4, axis=1)),
        "muon": ak.to_numpy(ak.any(identity == 13, axis=1)).astype(np.int64),
        "first": ak.to_numpy(ak.fill_none(ak.firsts(identity), 0)).astype(np.int64),
    }
    qcd, z = FINE_SPLIT["QCD"][0], FINE_SPLIT["Zqq"][0]
    heaviest = np.where(n_b > 0, 2, np.where(n_c > 0, 1, 0))
    chosen = {
        "QCD": np.select(
            [n_b > 1, n_b == 1, n_c > 1, n_c == 1, matched < 0, flavours["first"] == 21],
            [qcd.index(name) for name in ("bb", "b", "cc", "c", "unmatched", "gluon")],
            qcd.index("light"),
        ),
        "Hgg": heaviest,
        "H4q": np.clip(flavours["charm"], 0, 2),
        "Hqql": 2 * flavours["muon"] + np.clip(flavours["charm"], 0, 1),
        "Zqq": np.clip(flavours["first"] - 1, 0, len(z) - 1),
        "Wqq": np.clip(flavours["charm"], 0, 1),
        "Tbqq": np.clip(flavours["charm"], 0, 1),
        "Tbl": flavours["muon"],
    }
    prongs = count_prongs(partons)
    fine = np.full(len(label), -1, np.int32)
    for index, name in enumerate(JET_CLASSES):
        counts = FINE_SPLIT[name][1]
        place = chosen.get(name, np.zeros_like(label))
        if counts:
            place = place * len(counts) + np.clip(prongs, counts[0], counts[-1]) - counts[0]
        fine = np.where(label == index, _FIRST[index] + place, fine)
    return fine.astype(np.int32)


def count_prongs(partons: ak.Array) -> IntArray:
    """How many groups the decay products of each jet form, when those closer than `PRONG_DISTANCE` are joined.

    Parameters
    ----------
    partons : awkward.Array of n_jets lists
        With `eta` and `phi`.
    """
    most = max(1, int(ak.max(ak.num(partons), initial=0)))
    eta, phi = (
        ak.to_numpy(ak.fill_none(ak.pad_none(partons[name], most, clip=True), np.nan)) for name in ("eta", "phi")
    )
    distance = np.hypot(eta[:, :, None] - eta[:, None, :], wrap(phi[:, :, None] - phi[:, None, :]))
    near = distance < PRONG_DISTANCE
    group = np.broadcast_to(np.arange(most), eta.shape)
    for _ in range(most):
        group = np.where(near, group[:, None, :], most).min(axis=2)
    counts: IntArray = np.sum(group == np.arange(most), axis=1)
    return counts
