"""Figures of merit of a discriminant on the test events, each with its values in all replicas of these.

Backgrounds are weighted by their cross sections: that is what an analysis counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from test_sample import Floats, TestSample

from coffea_fm.simulation.hh4b.processes import SIGNALS

EFFICIENCIES = (0.9, 0.5)
WINDOW = (100.0, 150.0)
MASS_EDGES = np.linspace(30.0, 250.0, 12)


def figures(sample: TestSample, discriminant: Floats, replicas: int, signal_of_window: str) -> dict[str, list[float]]:
    """All figures by name: the value, then those in the replicas.

    Parameters
    ----------
    sample : TestSample
    discriminant : float64 [n_events]
        Large for signal.
    replicas : int
        How many.
    signal_of_window : str
        Whose events are counted in the mass window.

    Returns
    -------
    dict of str to list of float
        ``background_90`` and ``background_50`` (efficiency of the background at that efficiency of the signal),
        ``background_90_PROCESS`` (of one background), ``background_90_of_SIGNAL`` (at that efficiency of one signal),
        ``auc``, ``significance`` (S / sqrt(B) in the mass window at 90%), ``sculpting`` (of the mass at 50%).
    """
    order = np.argsort(-discriminant, kind="stable")
    counts = sample.counts(replicas)[:, order]
    weight, signal = sample.weight[order], sample.signal[order]
    process = sample.process[order]
    total = passing(counts, weight * signal)
    background = passing(counts, weight * ~signal)
    last = {efficiency: cut_at(total, efficiency) for efficiency in EFFICIENCIES}
    found = {f"background_{100 * at:.0f}": share(background, cut) for at, cut in last.items()}
    for name in np.unique(process[~signal]):
        found[f"background_90_{name}"] = share(passing(counts, weight * (process == name)), last[0.9])
    for name in (name for name in SIGNALS if (process == name).any()):
        cut = cut_at(passing(counts, weight * (process == name)), 0.9)
        found[f"background_90_of_{name}"] = share(background, cut)
    found["auc"] = area(total, background)
    masses = [mass[order] for mass in (sample.first_mass, sample.second_mass)]
    window = np.all([(mass > WINDOW[0]) & (mass < WINDOW[1]) for mass in masses], axis=0)
    kept = [
        at(passing(counts, weight * window * chosen), last[0.9]) for chosen in (process == signal_of_window, ~signal)
    ]
    found["significance"] = kept[0] / np.sqrt(np.where(kept[1] > 0, kept[1], np.nan))
    found["sculpting"] = sculpting(counts, weight * ~signal, masses[1], last[0.5])
    return {name: values.tolist() for name, values in found.items()}


def passing(counts: npt.NDArray[np.float32], weight: Floats) -> Floats:
    """Sum of weights of the first events, by replica and number of these; float64 [replicas, n_events]."""
    return np.cumsum(counts * weight, axis=1)


def cut_at(signal: Floats, efficiency: float) -> npt.NDArray[np.int64]:
    """The last event that passes the tightest cut which that fraction of the signal passes; int64 [replicas]."""
    return np.asarray(np.argmax(signal >= efficiency * signal[:, -1:], axis=1))


def at(sums: Floats, last: npt.NDArray[np.int64]) -> Floats:
    """Sums of weights that pass; float64 [replicas]."""
    return sums[np.arange(len(sums)), last]


def share(sums: Floats, last: npt.NDArray[np.int64]) -> Floats:
    """Fraction that passes; float64 [replicas]."""
    return at(sums, last) / sums[:, -1]


def area(signal: Floats, background: Floats) -> Floats:
    """Area under the ROC curve; float64 [replicas]."""
    steps = np.diff(background, axis=1, prepend=0.0)
    return np.asarray(np.sum(steps * signal, axis=1) / (signal[:, -1] * background[:, -1]))


def sculpting(counts: npt.NDArray[np.float32], weight: Floats, mass: Floats, last: npt.NDArray[np.int64]) -> Floats:
    """Jensen-Shannon divergence, in bits, between the mass of all background and of what passes; float64 [replicas]."""
    inside = np.eye(len(MASS_EDGES) + 1, dtype=np.float32)[np.digitize(mass, MASS_EDGES)] * weight[:, None]
    passes = np.arange(len(mass)) <= last[:, None]
    before, after = (weights @ inside for weights in (counts, counts * passes))
    shares = [sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-300) for sums in (before, after)]
    middle = np.mean(shares, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(part > 0, part * np.log2(part / middle), 0.0).sum(axis=1) for part in shares]
    return np.asarray(np.mean(terms, axis=0))
