"""From histograms to limits: binning, background prediction, pyhf workspace, fits, impacts, figures."""

from __future__ import annotations
