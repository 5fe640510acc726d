"""How much a cut improves the significance of a signal over a large background."""

from __future__ import annotations

import numpy as np

from coffea_fm.calibration.intervals import efficiency_interval
from coffea_fm.evaluation.discrimination import Roc
from coffea_fm.plots.significance import SignificanceCurve

FEWEST = 10
"""Background jets that must pass: with fewer the curve is noise, and its maximum a fluctuation."""
SHOWN = f"where at least {FEWEST} background jets pass"
"""For figures: the part of the curve that is drawn."""
_MOST_POINTS = 400


def significance_improvement(curve: Roc) -> SignificanceCurve:
    """The curve as far as at least `FEWEST` background jets pass; empty if that is nowhere."""
    chosen = np.flatnonzero(curve.background_efficiency * curve.n_background >= FEWEST - 1e-6)
    if len(chosen) > _MOST_POINTS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _MOST_POINTS).astype(np.int64)]
    signal, background = curve.signal_efficiency[chosen], curve.background_efficiency[chosen]
    low, high = efficiency_interval(background * curve.n_background, curve.n_background)
    return SignificanceCurve(signal, signal / np.sqrt(background), signal / np.sqrt(high), signal / np.sqrt(low))
