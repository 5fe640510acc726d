"""The histograms and blinded regions of the analysis."""

from __future__ import annotations

import hist

from .boosted import BOOSTED_REGIONS, BOOSTED_SIGNAL_REGIONS
from .resolved import RESOLVED_REGIONS, RESOLVED_SIGNAL_REGIONS

HISTOGRAMS = {
    "boosted/mass": (BOOSTED_REGIONS, hist.axis.Regular(20, 50, 250, name="value", label="Second jet's mass [GeV]")),
    "boosted/discriminant": (BOOSTED_REGIONS, hist.axis.Regular(50, 0, 1, name="value", label="Event discriminant")),
    "resolved/mass": (RESOLVED_REGIONS, hist.axis.Regular(30, 200, 1700, name="value", label="$m_{HH}$ [GeV]")),
}
"""Regions and axis, by category and quantity."""
BLINDED = (*BOOSTED_SIGNAL_REGIONS, *RESOLVED_SIGNAL_REGIONS)
HIGHEST_DISCRIMINANT = 1 - 1e-9
"""Upper bound of filled discriminants, so that a discriminant of 1 is filled into the last bin."""
