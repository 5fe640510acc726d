"""Events and jets to learn on without a download: Pythia 8, FastJet and a light detector."""
