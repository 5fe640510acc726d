"""Patches of jets: groups of particles that are hidden together."""
