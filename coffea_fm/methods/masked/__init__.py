"""Methods that hide part of each jet and predict it from the rest."""

from __future__ import annotations
