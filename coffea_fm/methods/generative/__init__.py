"""Methods that learn to reconstruct jets."""

from __future__ import annotations
