"""Finished chunks on disk, keyed by all that their results depend on."""
