"""Taggers whose models run on a Triton server."""
