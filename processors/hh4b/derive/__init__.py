"""How the corrections of `hh4b` are made from simulated events."""

from __future__ import annotations
