"""Events and jets to learn on without a download: Pythia 8, FastJet and a light detector."""

from __future__ import annotations

from coffea_fm.simulation import simulate

__all__ = ["simulate"]
