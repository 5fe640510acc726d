"""Scores of two classes whose background depends on pT."""

from __future__ import annotations

import numpy as np

from coffea_fm.calibration.working_points import CutBins


def by_pt(n: int = 40_000) -> tuple[np.ndarray, np.ndarray, CutBins]:
    """Background that looks more like signal at high pT."""
    rng = np.random.default_rng(2)
    target, pt = rng.integers(0, 2, n), rng.uniform(150, 1100, n)
    above = rng.beta(1 + 3 * target + pt / 500, 4 - 3 * target)
    return np.stack([1 - above, above], axis=1), target, CutBins("pt", (200, 400, 600, 1000), pt)
