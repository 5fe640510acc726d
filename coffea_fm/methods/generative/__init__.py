"""Methods that learn to reproduce jets."""

from __future__ import annotations
