"""Taggers that combine other taggers."""
