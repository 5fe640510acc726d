"""Generate jets with a trained model, and compare them with real ones."""

from __future__ import annotations
