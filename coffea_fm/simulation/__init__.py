"""Simulate events and jets for training, without a download: Pythia 8, FastJet and a fast detector simulation."""

from __future__ import annotations

from coffea_fm.simulation import simulate

__all__ = ["simulate"]
