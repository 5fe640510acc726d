"""Derive the corrections of `hh4b` from simulated events."""

from __future__ import annotations
