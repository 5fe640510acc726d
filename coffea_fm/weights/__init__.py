"""Weights that others trained, read without running code, as networks of ours."""
