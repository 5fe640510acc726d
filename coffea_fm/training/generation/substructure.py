"""Mass, momentum, multiplicity and substructure of jets, from their constituents."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.kinematics import four_momenta
from coffea_fm.methods.parts.views.exclusive_kt import exclusive_subjets
from coffea_fm.nn.inputs import only_member
from coffea_fm.tokens import Level, Packed
from coffea_fm.tokens.jagged import ranges
from coffea_fm.tokens.padding import scatter, slot_mask

OBSERVABLES: Final = {
    "pt": "Jet $p_T$ [GeV]",
    "mass": "Jet mass [GeV]",
    "multiplicity": "Constituents",
    "tau21": r"$\tau_{21}$",
    "tau32": r"$\tau_{32}$",
    "d2": "$D_2$",
}
"""Labels of the observables."""

_TOGETHER = 500


class Constituents(NamedTuple):
    """Constituents of many jets, one jet after another.

    Attributes
    ----------
    momenta : float64 array of shape [n_constituents, 4]
        px, py, pz and E.
    offsets : int64 array of shape [n_jets + 1]
        Where each jet begins.
    """

    momenta: DoubleArray
    offsets: IntArray

    @classmethod
    def of(cls, packed: Packed, level: Level, *, massless: bool = False) -> Constituents:
        """Those of packed jets; massless if the level has no mass, or if it is not to be used."""
        group = only_member(level)
        tokens = packed.members[group.name]
        columns = dict(zip(group.names, tokens.things.values.T, strict=True))
        pt, eta, phi = (columns[name] for name in ("pt", "eta", "phi"))
        mass = np.zeros_like(pt) if massless or "mass" not in columns else columns["mass"]
        return cls(four_momenta(pt, eta, phi, mass), tokens.offsets)

    @property
    def jets(self) -> IntArray:
        """Index of the jet of each constituent."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def sums(self, values: DoubleArray) -> DoubleArray:
        """Sum over the constituents of each jet."""
        return np.bincount(self.jets, values, minlength=len(self.offsets) - 1).astype(np.float64)


def observables(packed: Packed, level: Level, *, massless: bool = False) -> dict[str, DoubleArray]:
    """All `OBSERVABLES` by name, each float64 [n_jets]; NaN where a ratio has the denominator 0."""
    jets = Constituents.of(packed, level, massless=massless)
    total = np.stack([jets.sums(component) for component in jets.momenta.T], axis=1)
    pt = np.hypot(total[:, 0], total[:, 1])
    first, second, third = (n_subjettiness(jets, axes) for axes in (1, 2, 3))
    return {
        "pt": pt,
        "mass": np.sqrt(np.maximum(total[:, 3] ** 2 - total[:, 2] ** 2 - pt**2, 0.0)),
        "multiplicity": np.diff(jets.offsets).astype(np.float64),
        "tau21": _ratio(second, first),
        "tau32": _ratio(third, second),
        "d2": d2(jets),
    }


def n_subjettiness(jets: Constituents, axes: int) -> DoubleArray:
    """N-subjettiness (arXiv:1011.2268), β = 1: ``Σ pT min(ΔR to the axes) / Σ pT``, float64 [n_jets].

    The axes are the momenta of the exclusive-kT subjets, and ΔR is in rapidity and azimuth. The radius of the jet, by
    which the published quantity is also divided, cancels in ratios.
    """
    label = exclusive_subjets(jets.momenta, jets.offsets, np.array([axes]))[0]
    subjets, which = np.unique(label, return_inverse=True)
    momenta = np.stack([np.bincount(which, part) for part in jets.momenta.T], axis=1).astype(np.float64)
    pt, y, phi = _cylindrical(jets.momenta)
    _, axis_y, axis_phi = _cylindrical(momenta)
    of_jet = jets.jets[subjets]
    place = np.arange(len(subjets)) - np.searchsorted(of_jet, of_jet)
    found = np.full((2, len(jets.offsets) - 1, axes), np.nan)
    found[0, of_jet, place], found[1, of_jet, place] = axis_y, axis_phi
    distance = _distance(y[:, np.newaxis], phi[:, np.newaxis], *found[:, jets.jets])
    return jets.sums(pt * np.nanmin(distance, axis=1)) / np.maximum(jets.sums(pt), 1e-30)


def d2(jets: Constituents) -> DoubleArray:
    """``D2 = e3 / e2³`` of energy correlations (arXiv:1409.6298), β = 1, float64 [n_jets]; NaN where e2 is 0.

    ``e2 = Σ zi zj Rij`` and ``e3 = Σ zi zj zk Rij Rjk Rki`` over pairs and triplets, where z is the fraction of the
    scalar sum of pT, and R is in rapidity and azimuth. With ``Wij = √(zi zj) Rij``, the sum over triplets is
    ``tr(W³) / 6``.
    """
    counts = np.diff(jets.offsets)
    pt, y, phi = _cylindrical(jets.momenta)
    columns = np.stack((pt / np.maximum(jets.sums(pt)[jets.jets], 1e-30), y, phi), axis=1)
    result = np.full(len(counts), np.nan)
    order = np.argsort(counts, kind="stable")
    for rows in np.split(order, np.arange(_TOGETHER, len(order), _TOGETHER)):
        taken = ranges(jets.offsets[rows], counts[rows])
        z, y, phi = np.moveaxis(scatter(columns[taken], slot_mask(counts[rows])), 2, 0)
        distance = _distance(y[:, :, np.newaxis], phi[:, :, np.newaxis], y[:, np.newaxis], phi[:, np.newaxis])
        pairs = z[:, :, np.newaxis] * z[:, np.newaxis]
        e2 = (pairs * distance).sum(axis=(1, 2)) / 2
        w = np.sqrt(pairs) * distance
        e3 = ((w @ w) * w).sum(axis=(1, 2)) / 6
        result[rows] = _ratio(e3, e2**3)
    return result


def _cylindrical(momenta: DoubleArray) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """pT, rapidity and azimuth of px, py, pz, E."""
    px, py, pz, energy = momenta.T
    pt = np.hypot(px, py)
    transverse = np.sqrt(pt**2 + np.maximum(energy**2 - pz**2 - pt**2, 0.0))
    return pt, np.arcsinh(pz / np.maximum(transverse, 1e-30)), np.arctan2(py, px)


def _distance(y: DoubleArray, phi: DoubleArray, other_y: DoubleArray, other_phi: DoubleArray) -> DoubleArray:
    turn = np.abs(phi - other_phi)
    distance: DoubleArray = np.hypot(y - other_y, np.minimum(turn, 2 * np.pi - turn))
    return distance


def _ratio(above: DoubleArray, below: DoubleArray) -> DoubleArray:
    ratio: DoubleArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio
