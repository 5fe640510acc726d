"""What analyses share beside taggers: folds, filesets of simulated events."""

from __future__ import annotations
