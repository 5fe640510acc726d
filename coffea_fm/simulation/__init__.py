"""Simulate events and jets for training, without a download: Pythia 8, FastJet and a fast detector simulation."""
