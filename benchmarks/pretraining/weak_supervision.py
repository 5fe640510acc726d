"""How much signal a weakly supervised search needs (CWoLa, arXiv:1708.02949) on frozen embeddings.

Two samples of jets, both mostly QCD, one of them with some top quarks: a linear classifier learns which sample a jet is
from, and is judged by the significance that a cut on it would add, ``SIC = eps_S / sqrt(eps_B)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from figures_of_merit import target_of
from study import Study

from coffea_fm.classes import JET_CLASSES
from coffea_fm.evaluation.probes import linear_probe

BACKGROUND, SIGNAL = JET_CLASSES.index("QCD"), JET_CLASSES.index("Tbqq")
SAMPLE = 5000
"""Background jets of each sample."""
SIGNALS = (10, 20, 40, 80, 160, 320, 640)
SEEDS = 5
KEPT = 0.01
"""Efficiency of background at the cut."""
Floats = npt.NDArray[np.float32]


def search(study: Study, vectors_of: Callable[[str], Floats]) -> dict[str, Any]:
    """SIC at the cut, by number of signal jets in the first sample and seed."""
    vectors = {part: vectors_of(part) for part in ("train", "test")}
    targets = {part: target_of(study, part) for part in ("train", "test")}
    test = {kind: vectors["test"][targets["test"] == kind] for kind in (BACKGROUND, SIGNAL)}
    found = {}
    for seed in range(SEEDS):
        random = np.random.default_rng([seed, 29])
        background, signal = (random.permutation(np.flatnonzero(targets["train"] == k)) for k in (BACKGROUND, SIGNAL))
        for number in SIGNALS:
            jets = np.concatenate((signal[:number], background[: 2 * SAMPLE]))
            first = np.arange(len(jets)) < number + SAMPLE
            order = random.permutation(len(jets))
            cut = round(0.8 * len(order))
            parts = [(vectors["train"][jets[part]], first[part].astype(int)) for part in (order[:cut], order[cut:])]
            scores = linear_probe(*parts[0], *parts[1], np.concatenate((test[BACKGROUND], test[SIGNAL])))[:, 1]
            threshold = np.quantile(scores[: len(test[BACKGROUND])], 1 - KEPT)
            found[f"{number}-{seed}"] = float((scores[len(test[BACKGROUND]) :] > threshold).mean() / np.sqrt(KEPT))
    return found


def signal_needed(found: dict[str, float], wanted: float = 1.0) -> float:
    """Signal jets from which on the mean SIC exceeds the wanted one, interpolated in their logarithm; inf if never."""
    means = [np.mean([found[f"{number}-{seed}"] for seed in range(SEEDS)]) for number in SIGNALS]
    above = [index for index in range(len(SIGNALS)) if min(means[index:]) > wanted]
    if not above:
        return float("inf")
    index = above[0]
    if index == 0:
        return float(SIGNALS[0])
    place = np.interp(wanted, means[index - 1 : index + 1], np.log(SIGNALS[index - 1 : index + 1]))
    return float(np.exp(place))
