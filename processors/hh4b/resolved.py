"""The resolved category: four small-R jets, two for each H -> bb.

Pairing and regions follow the CMS search in this channel (arXiv:2202.09617); the signal region is an ellipse in the
plane of the two masses, as in ATLAS (arXiv:2301.03212).
"""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.arrays import BoolArray, DoubleArray, IntArray
from coffea_fm.kinematics import invariant_mass

MIN_PT, MAX_ETA = 40.0, 2.4
CENTRE = (125.0, 120.0)
RELATIVE_WIDTH = 0.1
MAX_X_HH = 1.6
MAX_SIDEBAND_RADIUS = 60.0
_SLOPE = 1.04
_TIE = 30.0
_PAIRINGS = np.array([[[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0, 3], [1, 2]]])
RESOLVED_REGIONS = ("three_tag_sideband", "three_tag_signal", "four_tag_sideband", "four_tag_signal")
RESOLVED_SIGNAL_REGIONS = ("four_tag_signal",)


@dataclass(frozen=True)
class Resolved:
    """Two Higgs boson candidates in each event, float64 [n_events]; NaN in events that are not selected.

    Parameters
    ----------
    selected : bool [n_events]
        Four jets above 40 GeV, at least three of them tagged, in the signal region or its sidebands.
    jets : awkward.Array
        events * var * jet: the four jets, or none.
    n_tagged : int64 [n_events]
        Number of tagged jets, at most four.
    first_mass, second_mass : float64 [n_events]
        Masses of the candidates with the larger and the smaller pT, GeV.
    pair_mass : float64 [n_events]
        Mass of all four jets, GeV.
    """

    selected: BoolArray
    jets: ak.Array
    n_tagged: IntArray
    first_mass: DoubleArray
    second_mass: DoubleArray
    pair_mass: DoubleArray

    def regions(self) -> npt.NDArray[np.str_]:
        """Region of each event, one of `RESOLVED_REGIONS`."""
        tags = np.where(self.n_tagged == 4, "four_tag", "three_tag")
        inside = x_hh(self.first_mass, self.second_mass) < MAX_X_HH
        return np.char.add(tags, np.where(inside, "_signal", "_sideband"))


def select_resolved(jets: ak.Array, cut: float) -> Resolved:
    """Choose the four jets with the highest score and pair them.

    Parameters
    ----------
    jets : awkward.Array
        events * var * small-R jets of one variation, with ``b_score``; jets without a score (NaN) are left out.
    cut : float
        Cut on the score of a tagged jet.
    """
    usable = jets[np.isfinite(jets.b_score)]
    four = usable[ak.argsort(usable.b_score, ascending=False)][:, :4]
    enough = ak.to_numpy(ak.num(four) == 4)
    tagged = ak.to_numpy(ak.sum(four.b_score > cut, axis=1))
    numbers = np.full((3, len(jets)), np.nan)
    if enough.any():
        numbers[:, enough] = pair_jets(momenta(four[enough]))
    radius = np.hypot(numbers[0] - CENTRE[0], numbers[1] - CENTRE[1])
    near = (radius < MAX_SIDEBAND_RADIUS) | (x_hh(numbers[0], numbers[1]) < MAX_X_HH)
    selected = enough & (tagged >= 3) & near
    kept = four[ak.broadcast_arrays(ak.Array(selected), four.pt)[0]]
    return Resolved(selected, kept, tagged, *numbers)


def x_hh(first_mass: DoubleArray, second_mass: DoubleArray) -> DoubleArray:
    """Distance of the two masses from the Higgs boson mass, in units of their resolution."""
    pulls = [
        (mass - centre) / (RELATIVE_WIDTH * mass)
        for mass, centre in zip((first_mass, second_mass), CENTRE, strict=True)
    ]
    return np.hypot(*pulls)


def momenta(jets: ak.Array) -> DoubleArray:
    """Four-momenta of jets, four per event; float64 [n_events, 4, (px, py, pz, E)] in GeV."""
    pt, eta, phi, mass = (ak.to_numpy(jets[name]).astype(np.float64) for name in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return np.stack([px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + mass**2)], axis=-1)


def pair_jets(jets: DoubleArray) -> DoubleArray:
    """Pair four jets so that the two masses are closest to the line expected for HH.

    The distance is ``|m1 - 1.04 m2| / sqrt(1 + 1.04²)``. If the two best pairings are within 30 GeV of each other, the
    one whose leading candidate has the larger transverse momentum is chosen.

    Parameters
    ----------
    jets : float64 [n_events, 4, 4]
        Four-momenta (px, py, pz, E), GeV.

    Returns
    -------
    float64 [3, n_events]
        Mass of the candidate with the larger pT, of the other, and of all four jets; GeV.
    """
    events = np.arange(len(jets))
    candidates = jets[:, _PAIRINGS].sum(axis=3)
    pt = np.hypot(candidates[..., 0], candidates[..., 1])
    order = np.argsort(-pt, axis=2, kind="stable")
    mass = np.take_along_axis(_masses(candidates), order, axis=2)
    distance = np.abs(mass[..., 0] - _SLOPE * mass[..., 1]) / np.hypot(1, _SLOPE)
    best, second = np.argsort(distance, axis=1, kind="stable")[:, :2].T
    leading = pt.max(axis=2)
    tie = distance[events, second] - distance[events, best] < _TIE
    swap = tie & (leading[events, second] > leading[events, best])
    chosen = np.where(swap, second, best)
    return np.stack([*mass[events, chosen].T, _masses(jets.sum(axis=1))])


def _masses(momenta: DoubleArray) -> DoubleArray:
    """Mass of four-momenta, whose components are in the last axis."""
    return invariant_mass(*np.moveaxis(momenta, -1, 0))
