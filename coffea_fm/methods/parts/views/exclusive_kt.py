"""Exclusive clustering of many jets at once: kT (hep-ph/9305266) and Cambridge/Aachen (hep-ph/9707323)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from coffea_fm.arrays import DoubleArray as Momenta
from coffea_fm.arrays import IntArray


@njit(cache=True)
def exclusive_subjets(momenta: Momenta, offsets: IntArray, counts: IntArray, power: float = 1.0) -> IntArray:
    """Cluster each jet to given numbers of subjets.

    The pair with the smallest ``min(pt_i, pt_j)^(2 power) ΔR²`` (ΔR in rapidity and azimuth) is merged by adding the
    four-momenta, until the requested number is left. Nothing is merged with the beam, so every constituent is in a
    subjet.

    Parameters
    ----------
    momenta : float64 array of shape [n_tokens, 4]
        px, py, pz and E of the constituents, jet by jet.
    offsets : int64 array of shape [n_jets + 1]
        Index of the first constituent of each jet.
    counts : int64 array of shape [n_counts]
        Numbers of subjets, in descending order; a jet with fewer constituents is unchanged.
    power : float
        1 for the kT algorithm, 0 for Cambridge/Aachen.

    Returns
    -------
    int64 array of shape [n_counts, n_tokens]
        Label of the subjet of each constituent: the index of one of the constituents in it.
    """
    labels = np.empty((len(counts), len(momenta)), dtype=np.int64)
    for jet in range(len(offsets) - 1):
        start, stop = offsets[jet], offsets[jet + 1]
        _cluster(momenta[start:stop].copy(), start, counts, power, labels[:, start:stop])
    return labels


@njit(cache=True)
def _cluster(p: Momenta, start: int, counts: IntArray, power: float, labels: IntArray) -> None:
    n = len(p)
    label = np.arange(n)
    alive = np.ones(n, dtype=np.bool_)
    pt2, y, phi, distance = np.empty(n), np.empty(n), np.empty(n), np.full(n, np.inf)
    nearest = np.full(n, -1)
    for i in range(n):
        _place(p, i, pt2, y, phi)
    for i in range(n):
        _find_nearest(i, alive, y, phi, nearest, distance)
    left = n
    for which in range(len(counts)):
        while left > max(1, counts[which]):
            best, a = np.inf, 0
            for i in range(n):
                if alive[i] and nearest[i] >= 0:
                    d = min(pt2[i], pt2[nearest[i]]) ** power * distance[i]
                    if d < best:
                        best, a = d, i
            b = nearest[a]
            p[a] += p[b]
            alive[b] = False
            _place(p, a, pt2, y, phi)
            left -= 1
            for i in range(n):
                if label[i] == b:
                    label[i] = a
                if alive[i] and (i == a or nearest[i] == a or nearest[i] == b):
                    _find_nearest(i, alive, y, phi, nearest, distance)
                elif alive[i] and _distance(y, phi, i, a) < distance[i]:
                    nearest[i], distance[i] = a, _distance(y, phi, i, a)
        labels[which] = label + start


@njit(cache=True)
def _place(p: Momenta, i: int, pt2: Momenta, y: Momenta, phi: Momenta) -> None:
    px, py, pz, energy = p[i]
    pt2[i] = px * px + py * py
    transverse = np.sqrt(pt2[i] + max(energy * energy - pz * pz - pt2[i], 0.0))
    y[i] = np.arcsinh(pz / max(transverse, 1e-30))
    phi[i] = np.arctan2(py, px)


@njit(cache=True)
def _distance(y: Momenta, phi: Momenta, i: int, j: int) -> float:
    turn = abs(phi[i] - phi[j])
    turn = min(turn, 2 * np.pi - turn)
    squared: float = (y[i] - y[j]) ** 2 + turn**2
    return squared


@njit(cache=True)
def _find_nearest(
    i: int, alive: npt.NDArray[np.bool_], y: Momenta, phi: Momenta, nearest: IntArray, distance: Momenta
) -> None:
    nearest[i], distance[i] = -1, np.inf
    for j in range(len(alive)):
        if alive[j] and j != i:
            d = _distance(y, phi, i, j)
            if d < distance[i]:
                nearest[i], distance[i] = j, d
